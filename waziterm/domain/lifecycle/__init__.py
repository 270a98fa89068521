"""The lifecycle of one instance: its states, the events that move it, and the rules."""
