"""All that belongs to one instance on disk, and what becomes of it: the one list.

Whatever moves, copies or brings back an instance goes by it. Its files are named by its id in
`sessions/` and by its name in the trash; its rows in `waziterm.db` and `messages.db` are kept by
its id, and so stay whatever it is called.
"""

from enum import StrEnum
from pathlib import Path

from waziterm.domain.frozen import dataclass


class Fate(StrEnum):
    """What becomes of a belonging. STAYS: it is where it was, and the instance's. TRASHED: it moves
    to the trash. BACK: it comes back from there. KEPT: it stays although the instance is gone,
    until its age ends it. GOES: it is deleted. MADE: it is written by the act. COPIED: it stays,
    and a copy of it goes along. LEFT: it stays, and nothing of it goes along."""

    STAYS = "stays"
    TRASHED = "trashed"
    BACK = "back"
    KEPT = "kept"
    GOES = "goes"
    MADE = "made"
    COPIED = "copied"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Belonging:
    """where: a path in the data directory with `{id}`, or a table of the database and the column
    that holds the id; a JSON array of ids where it ends in `[]`. what: what it is. The others: what
    becomes of it in the verb of that name."""

    where: str
    what: str
    clean: Fate
    remove: Fate
    restore: Fate
    rename: Fate
    export: Fate
    backup: Fate = Fate.COPIED


def _file(end: str, what: str) -> Belonging:
    # What lies beside a database is in the copy of it.
    copied = Fate.LEFT if end else Fate.COPIED
    return Belonging(
        *(f"sessions/{{id}}.db{end}", what, Fate.TRASHED, Fate.TRASHED, Fate.BACK, Fate.STAYS),
        export=copied,
        backup=copied,
    )


def _row(where: str, what: str, export: Fate = Fate.LEFT) -> Belonging:
    return Belonging(where, what, Fate.STAYS, Fate.KEPT, Fate.STAYS, Fate.STAYS, export)


SESSION = (
    _file("", "the keys of its device: whatsmeow's store"),
    _file("-journal", "what a killed worker had not written to its end"),
    _file("-wal", "the same, where another program has changed the mode"),
    _file("-shm", "the index of that"),
)
"""The files of its session, the database first."""
ROWS = (
    Belonging(
        *("instances.id", "how it stands", Fate.STAYS, Fate.GOES, Fate.MADE, Fate.STAYS),
        export=Fate.COPIED,
    ),
    _row("names.id", "its name, as long as there is a trace of it", Fate.COPIED),
    Belonging(
        *("aliases.instance", "the names that it had", Fate.STAYS, Fate.KEPT, Fate.STAYS),
        *(Fate.MADE, Fate.LEFT),
    ),
    _row("transitions.instance", "what it went through", Fate.COPIED),
    _row("attempts.instance", "its connect attempts", Fate.COPIED),
    _row("sends.instance", "its send-tests", Fate.COPIED),
    _row("lines.instance", "its log", Fate.COPIED),
    _row("incidents.instances[]", "what it met, alone or with others"),
    _row("acts.instance", "what the janitor did to it"),
    _row("silences.instance", "until when nothing is told of it"),
    _row("edits.instance", "what a person has set of it, and how it was before"),
    _row("links.instance", "the links to the scan page that were made for it"),
    _row("hours.instance", "what was counted of its history"),
    _row("spans.instance", "the same of whole days"),
    _row("standings.instance", "how far that was counted"),
    _row("patterns.instance", "what was counted of its log", Fate.COPIED),
    _row("facade_ids.instance", "the ids by which clients of Waziper call it"),
    _row("facade_webhooks.instance", "where such clients are told of it"),
)
"""Its rows in `waziterm.db`. What an export leaves is told of several instances, names them, is
counted anew where the rest of it came, or is for the clients of this place."""
MESSAGES = (
    _row("messages.instance", "its messages, and how far each has come"),
    _row("once.instance", "the keys by which a message is taken once"),
    _row("opt_outs.instance", "whom it writes to no more"),
    _row("chats.instance", "to whom it has written"),
    _row("senders.instance", "what limits its sending"),
    _row("events.instance", "what webhooks tell of it"),
    _row("deliveries.instance", "to whom that has to go"),
    _row("seqs.instance", "how many events there were"),
)
"""Its rows in `messages.db`. `clean` and `remove` let what waits wait for a person, see
`manager.care.cleaning`; what a message says, and files in `media/`, go with its message."""
INBOX = tuple(
    Belonging(
        *(f"inbox/{{id}}{end}", what, Fate.STAYS, Fate.GOES, Fate.STAYS, Fate.STAYS),
        export=Fate.LEFT,
        backup=Fate.LEFT,
    )
    for end, what in (
        (".journal", "what came in and was not taken to `messages.db`"),
        (".journal.rolled", "the same, to which its worker writes no more"),
        (".seen", "the ids of the last that were taken"),
    )
)
"""Its journals. What is in them is taken, and then they are deleted, whatever becomes of it."""
SHARED = (
    *("waziterm.db", "waziterm.db-wal", "waziterm.db-shm", "waziterm.db.before-*"),
    *("messages.db", "messages.db-wal", "messages.db-shm", "messages.db.before-*", "media/*"),
    *("manager.lock", "control.sock", "logs/*", "library/*", "trash/*/*"),
)
"""What else lies in a data directory: the fleet's, and the trash, whose entries name their instance
in a manifest."""

_ENDS = tuple(each.where.removeprefix("sessions/{id}.db") for each in SESSION)


def session_files(database: Path) -> tuple[Path, ...]:
    """The files of a session that exist, the database first. database: its path."""
    named = (database.with_name(database.name + end) for end in _ENDS)
    return tuple(path for path in named if path.exists())


def end_of(file: str) -> str | None:
    """What is behind `.db` in the name of a session's file; None when it is none."""
    return next((end for end in _ENDS if file.endswith(f".db{end}")), None)
