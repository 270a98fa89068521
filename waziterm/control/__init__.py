"""The manager's HTTP API on a unix socket, its client, and the JSON shapes that both speak."""
