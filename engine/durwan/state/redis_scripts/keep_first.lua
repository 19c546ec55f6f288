-- Keeps a record unless there is one, and replies the one that is kept.
-- KEYS: the record. ARGV: ticket, the record, for how long to keep it.
local kept = redis.call('GET', KEYS[1])
if kept then return { ARGV[1], kept } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return { ARGV[1], ARGV[2] }
