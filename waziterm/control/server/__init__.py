"""The manager's side of the control socket."""
