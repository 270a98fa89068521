"""What may be asked of a fleet, and the views that it answers with."""
