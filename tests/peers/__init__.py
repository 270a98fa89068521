"""The real programs that sessions come from, run by `make peers` where Node is installed."""
