"""What gateways remember together: one protocol; in memory, in an SQLite file, in Redis or Valkey.

`store.py` is the protocol and the file to read first. Nothing here knows of policies or of requests.
"""
