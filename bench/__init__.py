"""Benches: the real program and the real neonize on the lab, measured and printed.

`python -m bench [NAME ...] [--quick] [--json FILE]`; each module with a `run` is one bench and
says at its top what it measures and how. Nothing here judges by an exit code: a figure that
misses its limit is printed as missed.
"""
