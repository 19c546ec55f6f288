-- Replaces a record that is there. KEYS: the record, the owner's records. ARGV: ticket, the record, how long to keep it.
if not redis.call('SET', KEYS[1], ARGV[2], 'XX', 'PX', ARGV[3]) then return { ARGV[1], 0 } end
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return { ARGV[1], 1 }
