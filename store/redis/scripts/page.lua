#!lua flags=allow-oom
-- A piece of the list of a user's sessions that nothing has ended: the oldest behind
-- a place, in the form of list.lua. All that follow it, in no order, if limit is 0.
local user, everyone = unpack(KEYS)
local created, after, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local own, all = redis.call('HGET', user, 'm'), redis.call('HGET', everyone, 'm')
local rest, until_auth = {}, covered(own, all)
local place = {created = created, sid = after}
for _, s in pairs(sessions(user)) do
  if going(s, until_auth) then
    s.created = struct.unpack('>I6', s.c)
    if after == '' or older(place, s) then
      rest[#rest + 1] = s
    end
  end
end
if limit > 0 then
  rest = oldest(rest, limit)
end
local flat = {'m', own or ''}
for _, s in ipairs(rest) do
  flat[#flat + 1] = s.sid
  flat[#flat + 1] = s.hot
  flat[#flat + 1] = s.sid .. 'c'
  flat[#flat + 1] = s.c
  if s.l then
    flat[#flat + 1] = s.sid .. 'l'
    flat[#flat + 1] = s.l
  end
end
return {all, flat}
