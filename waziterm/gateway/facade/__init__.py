"""The facade: the requests of Waziper, for its old clients, on a listener of its own."""
