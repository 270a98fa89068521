"""The keys, each with its words and when it works."""
