"""Messages that leave through the fleet: their states, what they hold, and how they end."""
