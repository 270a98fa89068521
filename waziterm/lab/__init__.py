"""A local WhatsApp: a server that real clients pair with, and trouble on command.

It runs in a process of its own (`python -m waziterm.lab --dir DIR`); `waziterm.lab.client` starts
and steers it.
"""
