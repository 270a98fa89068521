"""How verbs print what they were told."""
