"""Sessions on their way: what leaves, what comes in, and what must not."""
