"""What `check` sees, what it judges to be wrong, and what `fix` may do about it. Pure."""
