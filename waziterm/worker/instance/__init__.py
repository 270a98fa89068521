"""One instance of a worker: its session, its pairing, its file."""
