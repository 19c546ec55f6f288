"""From the checked program to something that runs or proves. The backends do not know each other."""
