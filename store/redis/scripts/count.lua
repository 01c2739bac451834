#!lua flags=allow-oom
-- How many sessions of a few users are live, whose keys follow everyone's. An
-- entry of the register that has outlived its user counts for nothing.
local all, at, n = redis.call('HGET', KEYS[1], 'm'), tonumber(ARGV[1]), 0
for i = 2, #KEYS do
  local own, entry = unpack(redis.call('HMGET', KEYS[i], 'm', 'r'))
  if entry == ARGV[i] then
    for _, s in pairs(sessions(KEYS[i])) do
      if lives(s, covered(own, all), at) then
        n = n + 1
      end
    end
  end
end
return n
