"""Decides many recorded requests at once: the checked program as expressions over columns."""
