"""What was found out about policy files, kept on disk for the next run."""
