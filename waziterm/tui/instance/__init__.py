"""One instance in full, in parts: card, codes, log, pictures."""
