#!lua flags=allow-oom
-- One conditional write: the session as it is to be, if generation and opening
-- are those expected (compared as bytes) and nothing has ended it.
local user, everyone = unpack(KEYS)
local sid, expected, hot, client, life = unpack(ARGV)
local now, cold, ended, own = unpack(redis.call('HMGET', user, sid, sid .. 'c', sid .. 'e', 'm'))
if not now or ended or string.sub(now, 1, 14) ~= expected then
  return 0
end
if auth_time(cold) <= covered(own, redis.call('HGET', everyone, 'm')) then
  return 0
end
redis.call('HSET', user, sid, hot)
if string.sub(cold, 18) ~= client then
  redis.call('HSET', user, sid .. 'c', string.sub(cold, 1, 17) .. client)
end
redis.call('PEXPIRE', user, life, 'GT')
return 1
