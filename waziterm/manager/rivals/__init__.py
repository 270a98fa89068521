"""Whoever else may have a session: other managers of this machine, and foreign programs."""
