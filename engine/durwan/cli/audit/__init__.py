"""`durwan audit`: what was decided, and whether the record of it is as it was written."""
