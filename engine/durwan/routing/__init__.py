"""From the bytes of a request to the action it asks for: address, target, host, headers, routes, attributes."""
