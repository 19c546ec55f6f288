"""The ways in: one pipeline, and an adapter for every protocol that gateways speak."""
