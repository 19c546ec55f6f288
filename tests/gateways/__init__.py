"""Real servers and clients before and behind the gate."""
