"""What other programs are told by webhook: messages and states."""
