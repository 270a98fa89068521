"""What `check` finds and what `fix` does about it: the words of both."""

from enum import StrEnum

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Sentence, Told


class Severity(StrEnum):
    """How much a finding matters. PROBLEM: something does not work, or a session is in danger;
    WARNING: it will, unless somebody acts; NOTICE: good to know, `check` ends with exit code 0."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTICE = "notice"


class FindingKind(StrEnum):
    """What was found; the value is the first part of a finding's id."""

    SESSION_MISSING = "session_missing"
    SESSION_UNREADABLE = "session_unreadable"
    SESSION_DAMAGED = "session_damaged"
    SESSION_REPLACED = "session_replaced"
    SESSION_UNWRITABLE = "session_unwritable"
    SESSION_BUSY = "session_busy"
    NO_DEVICE = "no_device"
    SEVERAL_DEVICES = "several_devices"
    OTHER_DEVICE = "other_device"
    JID_TWICE = "jid_twice"
    OPEN_TO_OTHERS = "open_to_others"
    SECRETS_OPEN = "secrets_open"
    FOREIGN_HOLDER = "foreign_holder"
    DATABASE_LOCKED = "database_locked"
    ROW_DAMAGED = "row_damaged"
    TRASH_DAMAGED = "trash_damaged"
    ORPHAN_SESSION = "orphan_session"
    STALE_SOCKET = "stale_socket"
    RECENT_CONFLICTS = "recent_conflicts"
    FLAPPING = "flapping"
    CRASH_LOOP = "crash_loop"
    HELD = "held"
    OUTDATED = "outdated"
    VERSION_OLD = "version_old"
    VERSION_READ = "version_read"
    BANNED = "banned"
    LOGGED_OUT = "logged_out"
    OTHER_NUMBER = "other_number"
    NOT_CONNECTED = "not_connected"
    PHONE_SILENT = "phone_silent"
    MESSAGES_REFUSED = "messages_refused"
    INBOX_WAITS = "inbox_waits"
    MESSAGES_UNKNOWN = "messages_unknown"
    MESSAGES_LATE = "messages_late"
    OLD_NAME = "old_name"
    NO_MANAGER = "no_manager"
    STUCK = "stuck"
    DISK_LOW = "disk_low"
    FEW_DESCRIPTORS = "few_descriptors"
    LISTENER_SILENT = "listener_silent"
    WEBHOOK_LATE = "webhook_late"
    WEBHOOK_FAILED = "webhook_failed"
    BACKUP = "backup"
    UPGRADED = "upgraded"
    TRASH_EXPIRES = "trash_expires"


class Remedy(StrEnum):
    """What `fix` can do by itself, in the order in which it does them: what cannot lose anything
    comes first, and whatever changes a session's file makes a copy in the trash before."""

    CLOSE_TO_OTHERS = "close_to_others"
    REMOVE_STALE = "remove_stale"
    TRASH_SESSION = "trash_session"
    REBUILD_SESSION = "rebuild_session"


@document_of("id", "kind", "severity", "subject", "instance", "evidence", "act", "remedy")
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `check` found.

    subject: the file, or what else it is about. instance: whom it concerns, or None.
    evidence: what was seen, one sentence, masked. act: what to do, one sentence; for a person it
    holds the command. remedy: what `fix` does about it, None when only a person can decide.
    """

    kind: FindingKind
    severity: Severity
    subject: str
    instance: str | None
    evidence: Sentence
    act: Sentence
    remedy: Remedy | None = None

    @property
    def id(self) -> str:
        """The same for the same finding in the next check."""
        return f"{self.kind.value}:{self.instance or self.subject}"


@dataclass(frozen=True, slots=True)
class FixStep:
    """One act of `fix`. error: "" when it was done, or was only planned; else why it failed.
    backup: the id of the trash entry that holds the copy made before, or None."""

    remedy: Remedy
    subject: str
    instance: str | None
    act: Sentence
    error: Told = ""
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class FixReport:
    """What `fix` did or would do, and what is still found after it.

    remaining: the findings of the second check; of a dry run, those that no step would mend.
    """

    dry_run: bool
    steps: tuple[FixStep, ...]
    remaining: tuple[Finding, ...]
