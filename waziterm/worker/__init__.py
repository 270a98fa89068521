"""The child process that holds one instance's neonize client, and the messages on its pipe."""
