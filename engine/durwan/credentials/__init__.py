"""Who is asking: API keys. Knows nothing of the language."""
