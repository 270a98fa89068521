"""One instance of a running manager: its supervisor and what carries its decisions out."""
