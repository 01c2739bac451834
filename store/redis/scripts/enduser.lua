#!lua flags=allow-oom
-- The end of a user's sessions: atomic over all of them, the one that is kept,
-- the user's mark and its log entry.
local user, everyone, register, log, head = unpack(KEYS)
local channel, tag, name, keep, reason, at, seconds, ended, life = unpack(ARGV)
local own, all = redis.call('HGET', user, 'm'), redis.call('HGET', everyone, 'm')
local before, mine = covered(own, all), sessions(user)

local nb = math.max(not_before(own), tonumber(seconds))
for _, s in pairs(mine) do
  nb = math.max(nb, auth_time(s.c))
end

local count = 0
for sid, s in pairs(mine) do
  if sid == keep then
    if lives(s, before, tonumber(at)) then
      redis.call('HSET', user, sid .. 'c', string.sub(s.c, 1, 12) .. struct.pack('>I5', nb + 1) .. string.sub(s.c, 18))
      signed_in(everyone, nb + 1)
    end
  elseif going(s, before) then
    redis.call('HSET', user, sid .. 'e', ended)
    count = count + 1
  end
end

local mark = pack_mark(version(own) + 1, nb, reason)
registered(user, register, name)
redis.call('HSET', user, 'm', mark)
extend(user, life)
append(log, head, channel, tag, 'user', name, reason, string.format('%.0f', nb), at)
return {mark, all, count}
