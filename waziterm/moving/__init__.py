"""Sessions on their way: those of other programs as rows of whatsmeow's store, and back; sealed
files in which ours leave and come back; backups.

It reads and writes no store itself: `store/session_rows.py` does.
"""
