"""The session manager: who owns the data directory, one supervisor per instance, the commands."""
