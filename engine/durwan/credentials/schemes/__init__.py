"""Signature schemes: how a request is signed, as a profile says it, over the bytes that came in."""
