"""Telling people what happens: the outbox's runner and the sinks that it goes to."""
