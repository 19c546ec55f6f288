-- A record. KEYS: the record. ARGV: ticket.
return { ARGV[1], redis.call('GET', KEYS[1]) }
