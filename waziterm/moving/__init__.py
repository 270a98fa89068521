"""Sessions of other programs: their files as rows of whatsmeow's store, and back.

It reads and writes no store itself: `store/session_rows.py` does.
"""
