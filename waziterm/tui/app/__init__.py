"""The app: its keys, what they do, and the terminal under it."""
