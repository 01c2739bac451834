#!lua flags=allow-oom
-- The newest entry ever of each log. A script that might write is refused by a
-- replica, whose log stands still where it has lost its primary.
return redis.call('MGET', unpack(KEYS))
