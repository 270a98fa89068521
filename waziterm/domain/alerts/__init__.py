"""Alerts: which incidents are told, when, to whom and in which words. Pure."""
