#!lua flags=allow-oom
-- The end of a session and its log entry.
local user, everyone, log, head = unpack(KEYS)
local channel, tag, sid, reason, at, ended = unpack(ARGV)
local cold, before, own = unpack(redis.call('HMGET', user, sid .. 'c', sid .. 'e', 'm'))
if not cold or before or auth_time(cold) <= covered(own, redis.call('HGET', everyone, 'm')) then
  return 0
end
redis.call('HSET', user, sid .. 'e', ended)
append(log, head, channel, tag, 'session', sid, reason, 0, at)
return 1
