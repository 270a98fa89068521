"""The kinds of incidents: what is behind a reason, in words that scripts and alerts go by."""

from enum import StrEnum

from waziterm.domain.lifecycle.reasons import OF_THE_NETWORK, Reason


class IncidentKind(StrEnum):
    """What an incident is about; the value is the word in JSON.

    CONFLICT: another client has the session (440). BAN: WhatsApp locked or banned the account (402,
    403, 406). LOGOUT: the device was unlinked (401). VERSION: WhatsApp refuses the library as it is
    (405). REFUSAL: it refuses the connection, the login or the linking for another reason. NETWORK:
    WhatsApp is not reached, or does not answer. SESSION: the session file. PROGRAM: a worker
    process, or the program itself. LIMIT: what is measured is beyond its limit. OTHER: what is no
    trouble by itself, in a history of another version.
    """

    CONFLICT = "conflict"
    BAN = "ban"
    LOGOUT = "logout"
    VERSION = "version"
    REFUSAL = "refusal"
    NETWORK = "network"
    SESSION = "session"
    PROGRAM = "program"
    LIMIT = "limit"
    OTHER = "other"

    @classmethod
    def of(cls, reason: Reason) -> "IncidentKind":
        """The kind of the incidents that have this reason."""
        if reason.is_of_a_conflict:
            return cls.CONFLICT
        return next((kind for kind, reasons in _REASONS.items() if reason in reasons), cls.OTHER)


_REASONS = {
    IncidentKind.BAN: {Reason.LOCKED, Reason.ACCOUNT_BANNED, Reason.TEMPORARY_BAN},
    IncidentKind.LOGOUT: {Reason.UNLINKED},
    IncidentKind.VERSION: {Reason.OUTDATED_CLIENT, Reason.VERSION_AWAITED},
    IncidentKind.REFUSAL: {
        Reason.REFUSED,
        Reason.LOGIN_REFUSED,
        Reason.REFUSED_AGAIN,
        Reason.DEVICES_FULL,
        Reason.CODE_REFUSED,
        Reason.PAIRING_REFUSED,
        Reason.PASSKEY,
    },
    IncidentKind.NETWORK: {
        *OF_THE_NETWORK,
        Reason.KEEPALIVE_MISSED,
        Reason.SEND_UNANSWERED,
        Reason.SHORT_LIVED,
        Reason.AUTHENTICATED,
        Reason.QUERIES_REFUSED,
    },
    IncidentKind.SESSION: {
        Reason.STORE_FAILING,
        Reason.STORE_UNWRITABLE,
        Reason.SESSION_BROKEN,
        Reason.SESSION_MISSING,
        Reason.STORE_LOCKED,
    },
    IncidentKind.PROGRAM: {
        Reason.WORKER_DIED,
        Reason.WORKER_LOST,
        Reason.CRASH_LOOP,
        Reason.NOT_CARRIED_OUT,
        Reason.DEAF,
        Reason.DEAF_AGAIN,
    },
    IncidentKind.LIMIT: {
        Reason.LOW_SUCCESS,
        Reason.LOW_UPTIME,
        Reason.MANY_DROPS,
        Reason.DISK_LOW,
        Reason.MEMORY_HIGH,
        Reason.PHONE_SILENT,
        Reason.PATTERN_SEEN,
        Reason.BACKUP_OVERDUE,
    },
}
