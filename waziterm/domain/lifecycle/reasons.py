"""Why an instance is in its state: a closed list, each with its code, sentence and next step."""

from enum import Enum

from waziterm.domain.frozen import dataclass

_FOR_AN_ANSWER = "wait for WhatsApp's answer"
_WAIT = "wait"
ONLY_WAITS = frozenset({_FOR_AN_ANSWER, _WAIT})
"""The next steps that are nothing but waiting for what an attempt brings."""


@dataclass(frozen=True, slots=True)
class _Text:
    slug: str
    code: str
    sentence: str
    next_step: str


class Reason(Enum):
    """A reason, with what an operator reads about it.

    slug: the word in the database and in JSON.
    code: the number that operators know from Baileys and Waziper, or "".
    sentence: what happened.
    next_step: what the program does next or what a person has to do.
    """

    NEW = _Text("new", "", "not linked yet", "start it (s) to see a QR code")
    BY_OPERATOR = _Text("by_operator", "", "stopped by an operator", "start it (s)")
    NO_MANAGER = _Text(
        "no_manager", "", "no manager runs", "start `waziterm` or `waziterm headless`"
    )
    RESTORED = _Text("restored", "", "session restored from the trash", "start it (s)")
    IMPORTED = _Text("imported", "", "session brought in from another program", "start it (s)")
    PAUSED = _Text("paused", "", "stopped for maintenance", "starts again by itself")
    CLEANED = _Text("cleaned", "", "session moved to the trash", "start it (s) to link it again")
    ASKED = _Text("asked", "", "asked by an operator", _FOR_AN_ANSWER)
    RESUMED = _Text("resumed", "", "resumed as it was wanted", _WAIT)
    RETRY = _Text("retry", "", "trying again", _FOR_AN_ANSWER)
    MOVED = _Text("moved", "", "moving to another worker process", _FOR_AN_ANSWER)
    EDITED = _Text("edited", "", "one of its settings was changed", _FOR_AN_ANSWER)
    WORKER_LOST = _Text(
        "worker_lost", "", "the worker process that it shared ended", "connects in another one"
    )
    VERSION_CHANGED = _Text(
        "version_changed",
        "",
        "trying WhatsApp's current version",
        _FOR_AN_ANSWER,
    )
    GUARDED = _Text("guarded", "440", "one guarded attempt after a conflict", _WAIT)
    TAKEOVER = _Text("takeover", "440", "takeover asked by an operator", _WAIT)
    QR_SHOWN = _Text("qr_shown", "", "a QR code waits to be scanned", "scan it with the phone")
    QR_EXPIRED = _Text(
        "qr_expired", "408", "nobody scanned the QR codes", "start it (s) for a new code"
    )
    PAIRING_FAILED = _Text(
        "pairing_failed", "", "the pairing failed", "start it (s) for a new code"
    )
    NO_MULTIDEVICE = _Text(
        "no_multidevice",
        "411",
        "WhatsApp on the phone is too old to link devices",
        "update WhatsApp on the phone, then scan a new code",
    )
    PASSKEY = _Text(
        "passkey",
        "",
        "WhatsApp asks for a passkey; neonize has none",
        "link another number; README, Pairing, tells more",
    )
    DEVICES_FULL = _Text(
        "devices_full",
        "419",
        "the phone's list of linked devices is full",
        "remove one there (Settings, Linked devices), then s",
    )
    CODE_REFUSED = _Text(
        "code_refused",
        "",
        "WhatsApp refused the pairing code",
        "start it (s) and scan the QR code instead",
    )
    PAIRING_REFUSED = _Text(
        "pairing_refused",
        "",
        "WhatsApp refused to link this device",
        "wait an hour, then start it (s) and scan once",
    )
    PAIRED = _Text("paired", "515", "paired; WhatsApp asks for a new connection", _WAIT)
    ONLINE = _Text("online", "", "logged in", "nothing to do")
    KEEPALIVE_MISSED = _Text(
        "keepalive_missed", "408", "WhatsApp does not answer keep-alives", "reconnects by itself"
    )
    QUERIES_REFUSED = _Text(
        "queries_refused",
        "",
        "WhatsApp answers with errors",
        "reconnects once; see the code",
    )
    SEND_UNANSWERED = _Text(
        "send_unanswered",
        "408",
        "WhatsApp did not acknowledge a message",
        "reconnects by itself",
    )
    DROPPED = _Text("dropped", "428", "the connection was closed", "reconnects by itself")
    STREAM_ERROR = _Text(
        "stream_error", "5xx", "WhatsApp ended the stream with an error", "reconnects by itself"
    )
    SHORT_LIVED = _Text(
        "short_lived",
        "428",
        "its connections are closed at once, again and again",
        "waits longer each time; see `waziterm check`",
    )
    AUTHENTICATED = _Text(
        "authenticated",
        "408",
        "logged in, but the library's first queries are not answered",
        "waits for the answers, then tries again by itself",
    )
    CONNECT_TIMEOUT = _Text(
        "connect_timeout", "408", "no answer within the time limit", "tries again by itself"
    )
    DIAL_FAILED = _Text(
        "dial_failed", "408", "WhatsApp could not be reached", "tries again; check the network"
    )
    PROXY_FAILED = _Text(
        "proxy_failed",
        "408",
        "its proxy does not let it through",
        "tries again; check the proxy and its login",
    )
    WORKER_DIED = _Text("worker_died", "", "its worker process died", "a new one by itself")
    DEAF = _Text(
        "deaf",
        "",
        "its library tells nothing of what WhatsApp sends",
        "a new connection by itself",
    )
    DEAF_AGAIN = _Text(
        "deaf_again",
        "",
        "its library stops telling what WhatsApp sends, again and again",
        "see the log, then reconnect (r)",
    )
    NOT_CARRIED_OUT = _Text(
        "not_carried_out",
        "",
        "the program could not carry it out",
        "tries again by itself; see the log",
    )
    CONFLICT = _Text(
        "conflict", "440", "another client took over this session", "one guarded attempt"
    )
    # Given no more since a guess is no conflict; it stands in older data directories.
    SUSPECTED_CONFLICT = _Text(
        "suspected_conflict", "440", "connections keep ending at once", "one guarded attempt"
    )
    RIVAL = _Text(
        "rival",
        "440",
        "another client keeps taking this session",
        "stop the other client, then take over (r)",
    )
    LOCAL_HOLDER = _Text(
        "local_holder",
        "440",
        "another program on this machine holds this session",
        "stop it, then take over (r)",
    )
    CONFLICT_BUDGET = _Text(
        "conflict_budget",
        "440",
        "too many conflicts in a short time",
        "find the other client, then take over (r)",
    )
    CRASH_LOOP = _Text(
        "crash_loop", "", "its worker dies again and again", "see the log, then reconnect (r)"
    )
    UNLINKED = _Text(
        "unlinked", "401", "the device was unlinked on the phone", "start it (s) to link it again"
    )
    LOCKED = _Text("locked", "403", "WhatsApp locked the account", "unlock it on the phone")
    ACCOUNT_BANNED = _Text(
        "account_banned", "406", "WhatsApp banned the account", "appeal on the phone"
    )
    TEMPORARY_BAN = _Text(
        "temporary_ban", "402", "WhatsApp banned the account for a time", "waits until the end"
    )
    OUTDATED_CLIENT = _Text(
        "outdated_client",
        "405",
        "WhatsApp refuses this version of the library",
        "upgrade neonize, then start waziterm again",
    )
    VERSION_AWAITED = _Text(
        "version_awaited",
        "405",
        "WhatsApp refuses this version of the library",
        "reads WhatsApp's current version; or upgrade neonize",
    )
    REFUSED = _Text(
        "refused",
        "409",
        "WhatsApp refused the connection",
        "see the code; reconnect (r) tries once",
    )
    LOGIN_REFUSED = _Text(
        "login_refused",
        "",
        "WhatsApp refused the login",
        "tries again by itself, less and less often",
    )
    REFUSED_AGAIN = _Text(
        "refused_again",
        "",
        "WhatsApp refuses the login again and again",
        "see the code; reconnect (r) tries once",
    )
    STORE_FAILING = _Text(
        "store_failing",
        "",
        "its session file cannot be written",
        "tries again by itself; `waziterm check` tells more",
    )
    STORE_LOCKED = _Text(
        "store_locked",
        "",
        "its session file is locked",
        "tries again by itself; `waziterm check` names who",
    )
    STORE_UNWRITABLE = _Text(
        "store_unwritable",
        "",
        "its session file still cannot be written",
        "fix it (`waziterm check`), then reconnect (r)",
    )
    SESSION_BROKEN = _Text(
        "session_broken", "500", "the session file cannot be read", "clean it (c) or restore it"
    )
    SESSION_MISSING = _Text(
        "session_missing",
        "",
        "the session file is gone",
        "restore it, or clean it (c) and link again",
    )
    EXPORTED = _Text(
        "exported",
        "",
        "exported, to run in another place",
        "clean it (c); r only if it runs nowhere else",
    )
    # Of what is measured, not of an instance's state; see `domain.alerts`.
    LOW_SUCCESS = _Text(
        "low_success", "", "too many messages are not acknowledged", "see `waziterm test`"
    )
    LOW_UPTIME = _Text("low_uptime", "", "connected too seldom", "see `waziterm incidents`")
    MANY_DROPS = _Text(
        "many_drops", "", "drops far more often than usual", "see `waziterm logs`; check its proxy"
    )
    DISK_LOW = _Text("disk_low", "", "little space is left on the disk", "free some space")
    MEMORY_HIGH = _Text(
        "memory_high",
        "",
        "its worker process needs much memory",
        "restart the fleet at a quiet time (`waziterm restart`)",
    )
    PHONE_SILENT = _Text(
        "phone_silent",
        "",
        "no sign from the phone",
        "open WhatsApp on the phone, or it is unlinked",
    )
    BACKUP_OVERDUE = _Text(
        "backup_overdue", "", "no backup for too long", "`waziterm check` tells why"
    )
    PATTERN_SEEN = _Text(
        "pattern_seen", "", "its log has a pattern too often", "see `waziterm logs`"
    )

    @property
    def slug(self) -> str:
        return self.value.slug

    @property
    def code(self) -> str:
        return self.value.code

    @property
    def sentence(self) -> str:
        return self.value.sentence

    @property
    def next_step(self) -> str:
        return self.value.next_step

    @property
    def is_of_a_conflict(self) -> bool:
        """Whether another client is why, or was: what operators know as 440."""
        return self.code == "440"

    @classmethod
    def of(cls, slug: str) -> "Reason":
        """The reason with this slug; raises ValueError for any other text."""
        if (reason := _BY_SLUG.get(slug)) is None:
            raise ValueError(f"no such reason: {slug!r}")
        return reason


_BY_SLUG = {reason.slug: reason for reason in Reason}
"""A history has one in each of its rows."""

OF_THE_NETWORK = (
    Reason.DIAL_FAILED,
    Reason.PROXY_FAILED,
    Reason.DROPPED,
    Reason.STREAM_ERROR,
    Reason.CONNECT_TIMEOUT,
)
"""What a wait may be for that the end of a fleet's outage ends too."""
