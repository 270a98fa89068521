"""The API: messages over HTTP for other programs, on a listener of its own."""
