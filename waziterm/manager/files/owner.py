"""Root on somebody else's data directory: what is done there is done as its owner.

Else the files that it leaves there would be root's, and the service that runs on the directory
could not read its own sessions any more.
"""

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import waziterm
from waziterm.domain.errors import FleetError


class _Owner(NamedTuple):
    """A user, by numbers. name: "" for one without an entry among the users."""

    uid: int
    gid: int
    name: str


def foreign_owner(root: Path) -> _Owner | None:
    """Who has a data directory, or will have it, when this process is root and they are not."""
    if os.geteuid() != 0:
        return None
    for path in (root, *root.parents):
        try:
            found = path.stat()
        except OSError:
            continue
        if found.st_uid == 0:
            return None
        try:
            user = pwd.getpwuid(found.st_uid)
        except KeyError:
            return _Owner(found.st_uid, found.st_gid, "")
        return _Owner(found.st_uid, user.pw_gid, user.pw_name)
    return None


@contextmanager
def acting_as_owner(root: Path) -> Iterator[None]:
    """Be the owner of a data directory while the context lasts, where root is on somebody else's.

    Raises FleetError, and then nothing was done, when that is not possible, or when they cannot
    read the program: it may have to read more of it.
    """
    owner = foreign_owner(root)
    if owner is None:
        yield
        return
    groups = os.getgroups()
    said = owner.name or f"uid {owner.uid}"
    hint = f"run it as them: `sudo -u {owner.name or f'#{owner.uid}'} waziterm …`"
    try:
        try:
            os.setgroups(os.getgrouplist(owner.name, owner.gid) if owner.name else [owner.gid])
            os.setegid(owner.gid)
            os.seteuid(owner.uid)
        except OSError as error:
            raise FleetError(
                f"{root} is {said}'s, whom root cannot act as: {error}", hint
            ) from error
        needed = (waziterm.__file__, os.__file__, sys.executable)
        unread = [each for each in needed if not os.access(each, os.R_OK, effective_ids=True)]
        if unread:
            raise FleetError(f"{root} is {said}'s, who cannot read the program ({unread[0]})", hint)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def become_owner(root: Path) -> None:
    """Be the owner of a data directory for the rest of the process, with all that it starts, where
    root is on somebody else's. Raises FleetError, see `acting_as_owner`."""
    owner = foreign_owner(root)
    if owner is None:
        return
    with acting_as_owner(root):
        groups = os.getgroups()
    os.setgroups(groups)
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
