-- Revokes something and tells whoever listens. KEYS: the mark of the store, the generation, what is revoked by
-- generation, the same by expiry. ARGV: ticket, run id, a new epoch, now, what is revoked, until when, the channel.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'run_id', ARGV[2], 'epoch', ARGV[3], 'since', ARGV[4])
end
local expires = tonumber(ARGV[6])
local known = redis.call('ZSCORE', KEYS[4], ARGV[5])
if known and tonumber(known) > expires then expires = tonumber(known) end
local generation = redis.call('INCR', KEYS[2])
redis.call('ZADD', KEYS[3], generation, ARGV[5])
redis.call('ZADD', KEYS[4], string.format('%.0f', expires), ARGV[5])
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[4], 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], ended)
  redis.call('ZREM', KEYS[4], ended)
end
redis.call('PUBLISH', ARGV[7], generation)
return { ARGV[1], generation }
