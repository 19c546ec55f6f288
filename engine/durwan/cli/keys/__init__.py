"""`durwan keys`: one file a command."""
