"""The files of a data directory: the lock, the session files, the trash."""
