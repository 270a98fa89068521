"""What the history sums up to: hours, rates, times, and what is unusual in them."""
