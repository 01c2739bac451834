#!lua flags=allow-oom
-- Deletes what ran out of a few users, whose keys follow the register's. A user
-- of whom nothing is left goes, and so does an entry of the register that has
-- outlived its user. Gives how many sessions were deleted, and how many users
-- were looked through.
local register = KEYS[1]
local before, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local deleted = 0
for i = 2, #KEYS do
  local user, entry = KEYS[i], ARGV[i + 1]
  if redis.call('HGET', user, 'r') ~= entry then
    redis.call('XDEL', register, entry)
  else
    local flat = redis.call('HGETALL', user)
    for f = 1, #flat, 2 do
      local sid = flat[f]
      if #sid == 16 and struct.unpack('>I6', flat[f + 1], 21) < before then
        if deleted == limit then
          return {deleted, i - 2}
        end
        redis.call('HDEL', user, sid, sid .. 'c', sid .. 'l', sid .. 'e')
        deleted = deleted + 1
      end
    end
    if redis.call('HLEN', user) == 1 then
      redis.call('DEL', user)
      redis.call('XDEL', register, entry)
    end
  end
end
return {deleted, #KEYS - 1}
