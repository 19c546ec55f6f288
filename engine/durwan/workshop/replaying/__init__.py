"""What another policy would have done to the requests that were really made."""
