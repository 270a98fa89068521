"""Messages out, and what comes in, beside the monitor: for other programs."""
