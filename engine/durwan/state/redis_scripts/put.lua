-- Keeps a record and forgets its owner's oldest ones. KEYS: the record, the owner's records.
-- ARGV: ticket, the record, for how long to keep it, how many an owner may have, the member that stands for it among
-- the owner's, the beginning of the keys of records, how many digits of a member are the rest of such a key.
-- Replies the ids of those that were forgotten.
local digits = tonumber(ARGV[7])
local function record(member) return ARGV[6] .. string.sub(member, 1, digits) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if redis.call('EXISTS', record(member)) == 0 then redis.call('ZREM', KEYS[2], member) end
end
local newest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[2], tonumber(newest[2] or '0') + 1, ARGV[5])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
local reply = { ARGV[1] }
local beyond = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if beyond > 0 then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, beyond - 1)) do
    redis.call('DEL', record(member))
    redis.call('ZREM', KEYS[2], member)
    reply[#reply + 1] = string.sub(member, digits + 1)
  end
end
return reply
