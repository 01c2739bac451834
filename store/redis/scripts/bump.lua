#!lua flags=allow-oom
-- Everyone's mark, in one partition: the first of two steps. From here on no
-- sign-in passes that has seen the mark before, so that the latest auth_time is
-- known. In the home partition it is noted what was begun.
local everyone, ending = unpack(KEYS)
local seconds, reason, note = unpack(ARGV)
local mark, latest = unpack(redis.call('HMGET', everyone, 'm', 'l'))
local nb = math.max(not_before(mark), tonumber(latest or 0), tonumber(seconds))
mark = pack_mark(version(mark) + 1, nb, reason)
redis.call('HSET', everyone, 'm', mark)
if ending then
  redis.call('HSET', ending, note, '')
end
return mark
