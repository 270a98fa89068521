"""The history as it is read from the store."""
