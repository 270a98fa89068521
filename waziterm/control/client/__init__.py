"""The other side of the control socket: for verbs, and for a screen in another process."""
