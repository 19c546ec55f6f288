"""Seeded generators of typed programs and of requests aimed at their edges."""
