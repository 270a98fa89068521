"""Worker processes: how they start, who is in which, and how an instance talks to its own."""
