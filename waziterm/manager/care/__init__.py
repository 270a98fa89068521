"""Checks, fixes and tests of a fleet, and the clean-up that comes by itself."""
