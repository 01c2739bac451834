#!lua flags=allow-oom
-- Gives up a lease, if it is still one's own.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
