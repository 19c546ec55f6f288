-- Forgets a record. KEYS: the record. ARGV: ticket.
return { ARGV[1], redis.call('DEL', KEYS[1]) }
