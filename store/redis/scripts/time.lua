#!lua flags=allow-oom
-- The time of the primary that has the key's slot.
return redis.call('TIME')
