"""The processes that last: the monitor, the service, an attached screen."""
