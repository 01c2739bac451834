#!lua
-- A moment that is never moved back, forgotten when it has come.
local key, known, left = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
if left > 0 and known > tonumber(redis.call('GET', key) or 0) then
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 1
