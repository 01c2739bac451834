#!lua
-- A new session: atomic over the marks that the sign-in must have seen, the
-- session, and those that it ends, with their log entries.
local user, everyone, register, log, head = unpack(KEYS)
local channel, tag, name, sid, hot, cold, label, seen, limit, at, reason, ended, life, batch = unpack(ARGV)
local own, all = redis.call('HGET', user, 'm'), redis.call('HGET', everyone, 'm')
if version(own) + version(all) ~= tonumber(seen) then
  return {'ended'}
end
if redis.call('HEXISTS', user, sid) == 1 then
  return {'conflict'}
end

local answer = {'created'}
limit = tonumber(limit)
if limit > 0 then
  local live = {}
  for _, s in pairs(sessions(user)) do
    if lives(s, covered(own, all), tonumber(at)) then
      s.created = struct.unpack('>I6', s.c)
      live[#live + 1] = s
    end
  end
  for _, s in ipairs(oldest(live, math.max(math.min(#live - limit + 1, tonumber(batch)), 0))) do
    answer[#answer + 1] = {s.sid, s.hot, s.c, s.l, ended}
  end
end

registered(user, register, name)
signed_in(everyone, auth_time(cold))
for i = 2, #answer do
  append(log, head, channel, tag, 'session', answer[i][1], reason, 0, at, 'u', name)
end
for i = 2, #answer do
  redis.call('HSET', user, answer[i][1] .. 'e', ended)
end
redis.call('HSET', user, sid, hot, sid .. 'c', cold)
if label ~= '' then
  redis.call('HSET', user, sid .. 'l', label)
end
extend(user, life)
return answer
