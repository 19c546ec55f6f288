"""What was decided, kept so that no later edit goes unnoticed."""
