#!lua flags=allow-oom
-- Everyone's mark, in one partition: the second step, which makes it the same in
-- all of them.
local everyone = KEYS[1]
local mark = redis.call('HGET', everyone, 'm')
local v, nb = math.max(version(mark), tonumber(ARGV[1])), math.max(not_before(mark), tonumber(ARGV[2]))
redis.call('HSET', everyone, 'm', pack_mark(v, nb, ARGV[3]))
return 1
