"""The catalogue of mistakes: one function for each, which names its code, message and help; one file for each kind."""
