#!lua flags=allow-oom
-- The end of a user's sessions: atomic over all of them, the one that is kept,
-- the user's mark and its log entry. again says that the mark was to move to that
-- second, and no further; it may be there already, and then the log entry alone is
-- written if again is 'unlogged'.
local user, everyone, register, log, head = unpack(KEYS)
local channel, tag, name, keep, reason, at, seconds, ended, life, again = unpack(ARGV)
local own, all = redis.call('HGET', user, 'm'), redis.call('HGET', everyone, 'm')
local before, mine, nb = covered(own, all), sessions(user), tonumber(seconds)
if again ~= '' then
  if not_before(own) >= nb then
    if again ~= 'unlogged' then
      witness(everyone)
      return {own, all, 0, 0}
    end
    append(log, head, channel, tag, 'user', name, reason, string.format('%.0f', nb), at, 'k2', keep)
    return {own, all, 0, 1}
  end
else
  nb = math.max(nb, not_before(own))
  for _, s in pairs(mine) do
    nb = math.max(nb, auth_time(s.c))
  end
end

registered(user, register, name)
append(log, head, channel, tag, 'user', name, reason, string.format('%.0f', nb), at, 'k2', keep)
local mark = pack_mark(version(own) + 1, nb, reason)
redis.call('HSET', user, 'm', mark)
extend(user, life)

local count = 0
for sid, s in pairs(mine) do
  if auth_time(s.c) > nb then
    -- Signed in later than an end that is made again.
  elseif sid == keep then
    if lives(s, before, tonumber(at)) then
      signed_in(everyone, nb + 1)
      redis.call('HSET', user, sid .. 'c', string.sub(s.c, 1, 12) .. struct.pack('>I5', nb + 1) .. string.sub(s.c, 18))
    end
  elseif going(s, before) then
    redis.call('HSET', user, sid .. 'e', ended)
    count = count + 1
  end
end
return {mark, all, count, 1}
