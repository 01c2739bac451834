#!lua flags=allow-oom
-- The end of a session and its log entry. again says that the session is known to
-- have ended: where it is not there, its entry is written all the same; and where it
-- has ended already, if again is 'unlogged'.
local user, everyone, log, head = unpack(KEYS)
local channel, tag, name, sid, reason, at, ended, again = unpack(ARGV)
local cold, before, own = unpack(redis.call('HMGET', user, sid .. 'c', sid .. 'e', 'm'))
if not cold and again == '' then
  witness(everyone)
  return 0
end
local over = cold and (before or auth_time(cold) <= covered(own, redis.call('HGET', everyone, 'm')))
if over and again ~= 'unlogged' then
  witness(everyone)
  return 0
end
append(log, head, channel, tag, 'session', sid, reason, 0, at, 'u', name)
if cold and not over then
  redis.call('HSET', user, sid .. 'e', ended)
end
return 1
