"""What a check sees before it judges: the files, the fleet and the machine at one moment."""

import math
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from waziterm.domain.backup import BackupRecord
from waziterm.domain.care.trash import TrashView, Why
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.listeners import SilentListener
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.domain.version import UsedVersion

Device = tuple[str, str]
"""The JID and the LID ("" when unknown) of a device whose keys a session file holds."""


class Condition(StrEnum):
    """How a session file is.

    BUSY: somebody writes it, or it was not closed cleanly; what is in it cannot be told.
    UNREADABLE: the system refuses to read it. DAMAGED: it is no sound database.
    """

    SOUND = "sound"
    BUSY = "busy"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class SessionLook:
    """What a look at a session file told. detail: why it is not sound, inert.

    is_rebuildable: it is damaged, but all of its content can still be read.
    devices: none unless it is sound or rebuildable.
    """

    condition: Condition
    detail: Phrase = NOTHING
    devices: tuple[Device, ...] = ()
    is_rebuildable: bool = False


@dataclass(frozen=True, slots=True)
class OpenPath:
    """Something of ours that others can get at. mode: its permission bits."""

    path: str
    mode: int
    is_folder: bool


@dataclass(frozen=True, slots=True)
class MessagesLook:
    """What a look at an instance's messages out told. unknown: for how many nobody knows for over
    `UNKNOWN_S` whether they arrived. late: how many wait for over half of the time after which they
    are given up."""

    unknown: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class WebhookLook:
    """What a look at a webhook told. late: how many events wait for it, where the first of them
    waits for over `LATE_S`. failed: how many were given up. error: why the last one that was tried
    did not arrive, or ""."""

    name: str
    late: int = 0
    failed: int = 0
    error: str = ""


LATE_S = 600.0
"""After so many seconds an event that has not arrived is late."""
UNKNOWN_S = 3600.0
"""After so many seconds a receipt is hardly to come any more."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen. now: UTC seconds. Paths are inert text.

    has_manager: whether the fleet runs; without one, nobody of ours uses a session.
    is_lost: no instance is known at all, as after the loss of the database.
    sessions: by the instance's id, what its file is like; a missing file is not in it, one of
    nobody is there by what its name has before `.db`. open_secrets: files of the settings that hold
    a secret and can be read by others. paths: by the same, where it lies. holders:
    by the same, the process of somebody else that has it open for writing.
    unwritable: paths of session files, or of their folder, that cannot be written. replaced: ids
    of online instances whose worker has another file open than the one at their path.
    stale_socket: the path of a control socket that nobody answers.
    conflicts: by id, those of the last day. retries: by id, of the last hour.
    locked_database: the path of our own database while another program keeps it from being written,
    "" otherwise.
    damaged_rows: by name, which columns of an instance's row in the database hold what cannot be.
    damaged_history: by table of the database, how many rows of the history cannot be read.
    stuck: by name, why an instance is longer in its state than its limit says.
    disk_free: bytes. descriptors: the limit of open files. None for both: unknown, or no limit.
    connect_limit_s: by how many seconds a connect has come to its end.
    phone_limit_s: after so many seconds without a sign of its phone an instance is named.
    version: that which the library tells WhatsApp, None when it is not known.
    old_tables: by id, the names that an instance had before under which the config still has
    settings for it.
    messages: by id, what a look at its messages told; nothing of one where all is well.
    backup: how the regular backup stands, and how many seconds are between two; None when none is
    to be made.
    queue: why messages are neither taken nor sent, and what to do; None when they are.
    inbox: by name, or by id where it was removed, why the messages that came in wait in a journal.
    webhooks: those whose events are late or were given up.
    silent: what does not answer although it is set to.
    is_upgraded: the files of the program on disk are of another version than the manager.
    """

    now: float
    has_manager: bool
    instances: tuple[Instance, ...] = ()
    is_lost: bool = False
    sessions: Mapping[str, SessionLook] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    open_paths: tuple[OpenPath, ...] = ()
    open_secrets: tuple[OpenPath, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    unwritable: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    stale_socket: str | None = None
    conflicts: Mapping[str, int] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)
    disk_free: int | None = None
    descriptors: int | None = None
    is_upgraded: bool = False
    trash: tuple[TrashView, ...] = ()
    locked_database: str = ""
    damaged_rows: Mapping[str, str] = field(default_factory=dict)
    damaged_history: Mapping[str, int] = field(default_factory=dict)
    stuck: Mapping[str, Phrase] = field(default_factory=dict)
    connect_limit_s: float = Limits().connect_timeout_s
    phone_limit_s: float = math.inf
    version: UsedVersion | None = None
    old_tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backup: tuple[BackupRecord, float] | None = None
    silent: tuple[SilentListener, ...] = ()
    queue: tuple[Phrase, Phrase] | None = None
    inbox: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, MessagesLook] = field(default_factory=dict)
    webhooks: tuple[WebhookLook, ...] = ()

    @property
    def known(self) -> Mapping[str, Instance]:
        """The instances by their ids."""
        return {instance.id: instance for instance in self.instances}

    def is_live(self, instance: Instance) -> bool:
        """Whether a worker of ours may use the instance's session."""
        return self.has_manager and instance.state.is_live

    def way_back(self, name: str) -> Phrase:
        """The commands that give an instance a working session again; the current one, if any,
        goes to the trash."""
        # A copy that `fix` made is of a file that was damaged, so it leads nowhere.
        entries = [
            entry
            for entry in self.trash
            if entry.instance == name
            and entry.restorable
            and entry.paired
            and entry.why is not Why.COPY
        ]
        if entries:
            newest = max(entries, key=lambda entry: entry.at)
            return Phrase(
                "`waziterm clean {name}`, then `waziterm restore {entry}`",
                name=name,
                entry=newest.id,
            )
        return Phrase(
            "`waziterm clean {name}`, `waziterm start {name}`, then `waziterm qr {name}` to"
            " link it again",
            name=name,
        )
