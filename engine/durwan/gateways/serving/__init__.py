"""`durwan serve`: its configuration, what is made of it, and the processes that answer."""
