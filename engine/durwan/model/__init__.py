"""What things mean, without syntax: types, values, addresses, time windows, the schema, requests, keys, decisions."""
