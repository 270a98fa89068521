"""What a fleet needs of the machine that it runs on."""

FDS_PER_INSTANCE = 4
"""The manager's descriptors of an instance with a worker of its own: its ends of two socketpairs, a
pidfd, and the name by which other managers see its device."""
FDS_OF_PROGRAM = 64
"""What the program itself has open: libraries, database, sockets."""

LOW_DISK_BYTES = 500_000_000
FULL_DISK_BYTES = 50_000_000


def instances_within(descriptors: int) -> int:
    """How many instances a limit of open files allows."""
    return max(0, (descriptors - FDS_OF_PROGRAM) // FDS_PER_INSTANCE)
