"""Messages out of the fleet: their queue, and the API that fills it."""
