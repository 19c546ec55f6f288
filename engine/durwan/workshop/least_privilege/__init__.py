"""What was never used: which scopes, networks, rules and limits a period of recorded requests had no need of."""
