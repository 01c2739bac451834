#!lua flags=allow-oom
-- Everyone's mark, in one partition: the second step, which makes it the same in
-- all of them, with its log entry. A partition that loses it loses the entry too,
-- and that shows.
local everyone, log, head = unpack(KEYS)
local channel, tag, v, nb, reason, at = unpack(ARGV)
local mark = redis.call('HGET', everyone, 'm')
append(log, head, channel, tag, 'all', '', reason, nb, at)
redis.call('HSET', everyone, 'm', pack_mark(math.max(version(mark), tonumber(v)), math.max(not_before(mark), tonumber(nb)), reason))
return 1
