"""What the screen knows: its copy of the fleet, what is shown of it, and messages."""
