"""The child processes that hold the instances' neonize clients, and the messages on their pipes."""
