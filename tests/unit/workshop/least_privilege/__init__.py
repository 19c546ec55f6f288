"""What nobody used: scopes, networks, rules and limits."""
