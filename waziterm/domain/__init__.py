"""The words of the program and its rules, as pure data and pure functions.

Nothing here does I/O, reads a clock or imports anything but the standard library.
Moments are floats: seconds since the Unix epoch, UTC. Durations are floats in seconds and
their names end in `_s`.
"""
