"""How many files this process may have open: a manager needs more than a shell gives it."""

import logging
import resource

MOST = 65_536
"""More than any fleet needs; programs that count up to their limit must not take long."""

log = logging.getLogger(__name__)


def descriptors() -> int | None:
    """How many files a manager of this process may have open: what it has, or can raise it to.
    None for no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(soft, MOST if hard == resource.RLIM_INFINITY else min(hard, MOST))


def raise_descriptors() -> None:
    """Raise this process's own limit to what it may have, for itself and what it starts.

    Without it the fleet is as large as before, which `check` tells."""
    wanted = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted is None or wanted <= soft:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays at %d: %s", soft, error)
