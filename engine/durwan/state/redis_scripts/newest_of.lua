-- An owner's records, the newest first. KEYS: the owner's records. ARGV: ticket, the beginning of the keys of records,
-- how many digits of a member are the rest of such a key.
local reply = { ARGV[1] }
for _, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local record = redis.call('GET', ARGV[2] .. string.sub(member, 1, tonumber(ARGV[3])))
  if record then reply[#reply + 1] = record end
end
return reply
