"""What a fleet does for itself in quiet moments: the janitor, and the packing of workers. Pure."""
