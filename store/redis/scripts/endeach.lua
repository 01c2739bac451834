#!lua flags=allow-oom
-- The ends of some of a user's sessions, with their log entries. Gives those that
-- it ended.
local user, everyone, log, head = unpack(KEYS)
local channel, tag, name, reason, at, ended = unpack(ARGV)
local until_auth = covered(redis.call('HGET', user, 'm'), redis.call('HGET', everyone, 'm'))
local due, seen = {}, {}
for i = 7, #ARGV do
  local sid = ARGV[i]
  local cold, before = unpack(redis.call('HMGET', user, sid .. 'c', sid .. 'e'))
  if cold and not before and auth_time(cold) > until_auth and not seen[sid] then
    seen[sid] = true
    due[#due + 1] = sid
  end
end
for _, sid in ipairs(due) do
  append(log, head, channel, tag, 'session', sid, reason, 0, at, 'u', name)
end
for _, sid in ipairs(due) do
  redis.call('HSET', user, sid .. 'e', ended)
end
if #due == 0 then
  witness(everyone)
end
return due
