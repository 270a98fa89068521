"""What an import finds in its sources, and what becomes of it."""

from collections.abc import Mapping
from enum import StrEnum

from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import NOTHING
from waziterm.domain.units import Told


class SourceKind(StrEnum):
    """What a source is. baileys: a folder of JSON files. evolution: a dumped row of Evolution's
    table. whatsmeow: a SQLite file. sealed: a file that `export` has made. unknown: nothing that
    can be read."""

    BAILEYS = "baileys"
    EVOLUTION = "evolution"
    WHATSMEOW = "whatsmeow"
    SEALED = "sealed"
    UNKNOWN = "unknown"


class Carried(StrEnum):
    """The kinds of what goes on in the new session."""

    PRE_KEYS = "prekeys"
    SESSIONS = "sessions"
    IDENTITIES = "identities"
    SENDER_KEYS = "sender_keys"
    SYNC_KEYS = "app_state_keys"
    LIDS = "lids"
    TOKENS = "tokens"


class Heals(StrEnum):
    """What is not carried, and comes back by itself when the session is used.

    chats: what is archived, muted and pinned. device_lists: the devices of contacts. group_keys:
    who has got the own key of a group. sessions: those that were dropped; the next message begins a
    new one. hidden_ids: the source knows none, so the first message of a chat that writes under its
    hidden id is asked for again.
    """

    CHATS = "chats"
    DEVICE_LISTS = "device_lists"
    GROUP_KEYS = "group_keys"
    SESSIONS = "sessions"
    HIDDEN_IDS = "hidden_ids"


class Verdict(StrEnum):
    """Whether a source can be imported."""

    OK = "ok"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportSource:
    """One device that was found, or a source in which there is none.

    source: the path. name: of the instance that it becomes, "" when it is refused before it gets
    one. jid: of the device, masked, None where there is none. device: its number. kept, dropped:
    how many of each kind; what was dropped is in doubt, and could end a worker. heals: what is not
    carried and comes back by itself. why: of a refusal, one line; else what a person has to know of
    it, or "".
    """

    source: str
    kind: SourceKind
    name: str
    jid: str | None
    device: int | None
    kept: Mapping[Carried, int]
    dropped: Mapping[Carried, int]
    heals: tuple[Heals, ...]
    verdict: Verdict
    why: Told = NOTHING


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import has found, and the names of the instances that it made; none of a dry run."""

    sources: tuple[ImportSource, ...]
    imported: tuple[str, ...] = ()
