"""What is remembered: instances, their history and their log lines, in one SQLite file.

All SQL of the program is in this package, and nothing else imports aiosqlite. It loads nothing by
itself: `status` peeks at one value of the database, and must not load the store for it.
"""
