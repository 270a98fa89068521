"""The texts of the screen: found in the sources, and put into the catalogs.

`python -m tests.texts` (`make texts`) adds to every catalog what is new in the sources, and takes
out what is gone; what is new waits there for its translation.
"""
