"""What is carried when a session moves in or out, and what a person is told of it. Pure."""
