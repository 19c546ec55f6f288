"""What policy authors do offline: test files, their runner, requests from the command line."""
