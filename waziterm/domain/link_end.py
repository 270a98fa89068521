"""Why a link to the scan page has ended, see `domain.links`; light, for what stores instances."""

from enum import StrEnum


class LinkEnd(StrEnum):
    """Why a link to the scan page leads nowhere any more. linked: its instance is. replaced: by the
    next one for the same instance. withdrawn: a person has ended it. removed: its instance was."""

    LINKED = "linked"
    EXPIRED = "expired"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"
