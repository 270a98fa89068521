"""The verbs: each asks the manager or the files, and prints."""
