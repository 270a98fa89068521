"""The `Fleet` protocol: all that a screen, an HTTP API, a verb or a test may ask of a session
manager. A method here, with what `verb` says of it, is the one declaration of a verb.

It loads none of the types that it names: `waziterm list` reads the declarations and must be quick.
Whoever needs the types of arguments and answers asks `domain.fleet.typed.hints_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

from waziterm.domain.fleet.verbs import ANSWER_S, BACKUP_S, MAINTENANCE_S, verb
from waziterm.domain.units import (
    ActId,
    Between,
    Moment,
    Name,
    Paths,
    PhoneNumber,
    ProxyUrl,
    Recipient,
    SecretText,
    Table,
    TextToSend,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from waziterm.domain.alerts.delivery import AlertsView, FailedAlert, SinkTest
    from waziterm.domain.alerts.silence import Silence
    from waziterm.domain.care.findings import Finding, FixReport
    from waziterm.domain.care.layers import TestReport
    from waziterm.domain.care.trash import Removal, TrashView
    from waziterm.domain.fleet.api import (
        Changes,
        FleetView,
        InstanceView,
        LogLine,
        OwnNumber,
        SendResult,
    )
    from waziterm.domain.fleet.audit import AuditEntry
    from waziterm.domain.fleet.history import (
        Attempt,
        Edit,
        FleetLines,
        IncidentView,
        Moved,
        ShiftNote,
    )
    from waziterm.domain.fleet.tools import (
        AddedAll,
        BackedUp,
        ConflictRecord,
        ExportFormat,
        Progress,
        RestartReport,
        SealedInstance,
    )
    from waziterm.domain.lifecycle.instance import QrCode
    from waziterm.domain.links import MadeLink
    from waziterm.domain.messages.message import MessageState, MessageText, MessageView, OptedOut
    from waziterm.domain.messages.queue import Resolution
    from waziterm.domain.messages.token import MadeToken, TokenView
    from waziterm.domain.moving.plan import ImportReport
    from waziterm.domain.reload import Reloaded
    from waziterm.domain.stats.strips import Recent
    from waziterm.domain.stats.sums import Stats, StatsBy
    from waziterm.domain.upkeep.janitor import Act
    from waziterm.domain.webhooks.views import FailedDelivery, WebhookTest, WebhookView

MOST_LINES = 5000
MOST_MOVES = 1000
MOST_MESSAGES = 500
TEXT_BODY_BYTES = 64 * 1024
"""JSON takes twelve bytes for a character of a message at most."""
TABLE_BYTES = 2_000_000
TABLE_BODY_BYTES = 6 * TABLE_BYTES + 1000
"""JSON takes six bytes for one at most."""
_NUMBER = 10**15 - 1

Lines = Annotated[int, Between(1, MOST_LINES, f"'limit' must be a number from 1 to {MOST_LINES}")]
Moves = Annotated[int, Between(1, MOST_MOVES, f"'limit' must be a number from 1 to {MOST_MOVES}")]
Messages = Annotated[
    int, Between(1, MOST_MESSAGES, f"'limit' must be a number from 1 to {MOST_MESSAGES}")
]
Seq = Annotated[int, Between(0, _NUMBER, "'after' must be the number of a line")]
SilenceSeconds = Annotated[
    int, Between(0, 30 * 86_400, "a silence lasts from 1 second to 30 days, 0 ends one")
]
LinkSeconds = Annotated[int, Between(60, 86_400, "a link lasts from 1 minute to 24 hours")]
IncidentId = Annotated[int, Between(0, _NUMBER, "an incident's id is a number")]
Days = Annotated[int, Between(1, 7, "'days' must be a number from 1 to 7")]
EditId = Annotated[int, Between(0, _NUMBER, "an edit's id is a number")]
NoteId = Annotated[int, Between(0, _NUMBER, "a note's id is a number")]


class Subscription(Protocol):
    """A subscriber's view of the fleet; slow readers get merged changes, never a longer queue."""

    async def next(self) -> Changes:
        """Wait until something changed, then return all of it."""
        ...


class Shown(Protocol):
    """What is read out of a snapshot; `FleetView` has it."""

    @verb("GET /v1/instances", files=True, line="list")
    def everyone(self) -> tuple[InstanceView, ...]:
        """All instances."""
        ...

    @verb("GET /v1/instances/{name}", files=True, line="status")
    def instance(self, name: Name) -> InstanceView:
        """One instance. Raises InstanceNotFoundError."""
        ...

    @verb("GET /v1/instances/{name}/qr", line="qr")
    def qr(self, name: Name) -> QrCode:
        """The QR code that is valid now. Raises FleetError when none is."""
        ...


class Fleet(Protocol):
    """A session manager, in this process or behind a socket.

    Commands return when they were taken and stored, not when WhatsApp has answered, but
    `send_test`, `test` and `pairing_code`, which wait for it. All raise FleetError.
    """

    # -- what is shown ------------------------------------------------------------------------

    @verb("GET /v1/fleet", files=True, line="")
    def snapshot(self) -> FleetView:
        """The whole fleet now; see `Shown` for what is asked of it."""
        ...

    @verb(line="")
    def view(self, name: Name) -> InstanceView:
        """One instance now; the snapshot makes those of all. Raises InstanceNotFoundError."""
        ...

    @verb(line="")
    def now(self) -> Moment:
        """UTC seconds on the clock by which its moments are told."""
        ...

    @verb(line="")
    def tail(self, name: Name, limit: int = 200) -> tuple[LogLine, ...]:
        """The newest log lines of an instance, oldest first."""
        ...

    @verb(line="")
    def subscribe(self) -> AbstractAsyncContextManager[Subscription]: ...

    @verb("GET /v1/instances/{name}/logs", files=True, line="logs")
    async def lines(
        self, name: Name, *, limit: Lines = 200, since: Moment = 0.0, after: Seq = 0
    ) -> tuple[LogLine, ...]:
        """The newest `limit` lines that are stored, oldest first: from `since` (UTC seconds) on,
        and with a number above `after`."""
        ...

    @verb("GET /v1/logs", files=True, line="logs")
    async def fleet_lines(
        self,
        *,
        limit: Lines = 200,
        since: Moment = 0.0,
        name: Name | None = None,
        after: Seq | None = None,
    ) -> FleetLines:
        """The newest `limit` log lines of all instances, or of one, by time, oldest first, from
        `since` (UTC seconds) on. after: what an earlier answer has as `last`; then it is what came
        since, in the order in which it came, also of one that was added anew under its name."""
        ...

    # -- one instance -------------------------------------------------------------------------

    @verb("POST /v1/instances", changes=True, files=True, status=201)
    async def add(
        self,
        name: Name,
        phone: PhoneNumber | None = None,
        proxy: ProxyUrl | None = None,
        *,
        session: str | None = None,
    ) -> InstanceView:
        """Add an instance. session: the session file of no instance that it takes up, by what its
        name has before `.db`; None: the one that has the instance's name, if there is one."""
        ...

    @verb(
        "POST /v1/instances/{name}/set", changes=True, files=True, line="set", deadline_s=ANSWER_S
    )
    async def edit(
        self,
        name: Name,
        *,
        note: str | None = None,
        tags: str | None = None,
        proxy: ProxyUrl | None = None,
        device_name: str | None = None,
        isolate: str | None = None,
        receipts: str | None = None,
    ) -> InstanceView:
        """Set what differs for one instance; "" clears it, then the config counts again. It can be
        undone, see `edits`.

        note: one line. tags: with commas between them. proxy: tested up to WhatsApp's certificate
        first, and refused when that fails; an open connection is made anew. device_name: what the
        phone shows, from the next pairing on. isolate: "true" or "false", whether its worker is
        shared with nobody, receipts: whether it hears what phones say of its messages; an open
        connection is made anew for either. No cool-down, hold or ban ends by it.
        """
        ...

    @verb("GET /v1/edits", files=True, line="")
    async def edits(self) -> tuple[Edit, ...]:
        """What was set of single instances, and which were renamed, the newest first: what can be
        undone."""
        ...

    @verb(
        "POST /v1/instances/{name}/undo-set",
        changes=True,
        files=True,
        line="",
        deadline_s=ANSWER_S,
    )
    async def undo_edit(self, name: Name, edit: EditId) -> InstanceView:
        """Set an instance's values as they were before the edit with this number, as `edit` does,
        or give it back the name that it had then, as `rename` does; it must be its newest. Raises
        FleetError for any other."""
        ...

    @verb(
        "POST /v1/add-all",
        changes=True,
        files=True,
        line="",
        deadline_s=MAINTENANCE_S,
        body_limit=TABLE_BODY_BYTES,
    )
    async def add_all(self, table: Table, *, dry_run: bool = False) -> AddedAll:
        """Add the instances of a table, all of them or none; nobody starts to pair them.

        table: the text of a CSV file: a row that names its columns (name, phone, proxy, tags,
        note), then one for each instance. What is wrong in it is in the answer, and then nothing
        was added. dry_run: only say what would be added.
        """
        ...

    @verb("POST /v1/import", changes=True, files=True, line="import", deadline_s=MAINTENANCE_S)
    async def import_sessions(
        self,
        sources: Paths,
        *,
        name: Name | None = None,
        prefix: str = "",
        device: str = "",
        keys_db: str = "",
        start: bool = False,
        force: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Bring in sessions of other programs, each as a new instance; what becomes of each source.
        One that is refused stops no other, and no source is changed.

        name: of the only device. prefix: before the names that the sources have. device: the JID of
        the only one that is meant. keys_db: the path of a second store, where a program keeps the
        keys of its devices in one. start: the instances are to connect. force: also from a source
        that is in use. dry_run: only say what it would do.
        """
        ...

    @verb("POST /v1/instances/{name}/rename", changes=True, files=True)
    async def rename(self, name: Name, new: Name, *, take: bool = False) -> InstanceView:
        """Give an instance another name. It stops for a moment if it is connected, and goes on as
        it was wanted; what it has to wait for stays.

        What is kept of it is found under the new name; the one that it had leads to it from now on,
        in the history, the logs and the config. It can be undone, see `edits`. take: the new name
        may be one that another instance had before: that one keeps nothing of it.
        """
        ...

    @verb("POST /v1/instances/{name}/start", changes=True)
    async def start(self, name: Name) -> InstanceView: ...

    @verb("POST /v1/instances/{name}/stop", changes=True)
    async def stop(self, name: Name) -> InstanceView: ...

    @verb("POST /v1/instances/{name}/reconnect", changes=True)
    async def reconnect(self, name: Name, *, takeover: bool = False) -> InstanceView: ...

    @verb("POST /v1/instances/{name}/clean", changes=True, files=True)
    async def clean(self, name: Name, *, logout: bool = False, act_id: ActId = "") -> InstanceView:
        """Stop the instance and move its session to the trash; the device stays linked.

        logout: unlink it at WhatsApp first, which cannot be undone. A logout that fails is told
        in the instance's log and does not stop the clean. act_id: the same for all that one act of
        a person cleans or removes, which one undo brings back; "" for an act on one.
        """
        ...

    @verb("POST /v1/instances/{name}/remove", changes=True, files=True)
    async def remove(self, name: Name, *, logout: bool = False, act_id: ActId = "") -> Removal:
        """Clean an instance and forget it; its trash entry brings it back.

        logout: unlink the device at WhatsApp first, which cannot be undone. act_id: as of `clean`.
        """
        ...

    @verb(
        "POST /v1/instances/{name}/export",
        changes=True,
        files=True,
        deadline_s=MAINTENANCE_S,
    )
    async def export(
        self,
        name: Name,
        to: str,
        passphrase: SecretText = "",
        *,
        format: ExportFormat | None = None,  # noqa: A002 - the word of the option
    ) -> SealedInstance:
        """Write an instance, with session, settings, notes and history, into a new sealed file.

        It is stopped first, and held from then on: two places with one session take it from each
        other. to: the whole path of the file, which must not exist. passphrase: opens it. format:
        None for such a file; BAILEYS writes the session alone into a new folder at `to`.
        """
        ...

    @verb(
        "POST /v1/take-in",
        changes=True,
        files=True,
        line="",
        status=201,
        deadline_s=MAINTENANCE_S,
    )
    async def take_in(
        self,
        file: str,
        passphrase: SecretText,
        name: Name | None = None,
        *,
        start: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Add the instance of a file that `export` has made; what was in it.

        file: its whole path. name: the one that it gets, None for the one that it had. start: it
        is wanted to run, else it is stopped. dry_run: only say what it would do.
        """
        ...

    @verb(
        "POST /v1/instances/{name}/pairing-code",
        changes=True,
        line="pair-code",
        deadline_s=ANSWER_S,
        part="code",
    )
    async def pairing_code(self, name: Name, phone: PhoneNumber | None = None) -> InstanceView:
        """Let WhatsApp make a code that links the instance when it is typed on the phone, which
        is shown a notification; the instance, with the code.

        phone: the account's number (E.164), or None for the one that the instance was added with.
        Refused unless the instance waits to be linked. It ends an earlier code.
        """
        ...

    @verb("POST /v1/instances/{name}/send-test", changes=True, line="", deadline_s=ANSWER_S)
    async def send_test(self, name: Name, to: PhoneNumber | None = None) -> SendResult:
        """Send a short text to oneself, or to the number `to` (E.164), and wait for the ack."""
        ...

    @verb("POST /v1/instances/{name}/test", changes=True, deadline_s=ANSWER_S)
    async def test(
        self, name: Name, to: PhoneNumber | None = None, *, send: bool = False
    ) -> TestReport:
        """Test one instance's connection layer by layer.

        send: at its end a message to its own number. to: a message to this number (E.164), whether
        or not `send` says so. Without either nothing is sent, and that layer is skipped.
        """
        ...

    # -- the whole fleet ----------------------------------------------------------------------

    @verb("POST /v1/backup", changes=True, files=True, deadline_s=BACKUP_S)
    async def backup(self, file: str, passphrase: SecretText = "", recipient: str = "") -> BackedUp:
        """Seal a copy of the whole data directory, as it stands at this moment, into a new file.

        file: its whole path, which must not exist. passphrase, or recipient (a public key of age):
        for what it is sealed.
        """
        ...

    @verb("POST /v1/check", files=True, deadline_s=MAINTENANCE_S, under="findings")
    async def check(self) -> tuple[Finding, ...]:
        """Look for everything that is wrong or will be; the worst first. Changes nothing."""
        ...

    @verb("POST /v1/fix", changes=True, files=True, deadline_s=MAINTENANCE_S)
    async def fix(self, *, dry_run: bool = False) -> FixReport:
        """Do what a check proposes and needs nobody's decision, then check again."""
        ...

    @verb("POST /v1/restart", changes=True, deadline_s=MAINTENANCE_S)
    def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        """Stop all workers, check, fix, rotate the log, start staggered, verify. The report ends
        it. Cool-downs, holds and bans stay. clean_sessions: as `count` of `clean_all`."""
        ...

    @verb("POST /v1/reload", changes=True)
    async def reload(self) -> Reloaded:
        """Read the config again and go by it, as far as that needs no restart. What is wrong in
        it is in the answer, and then nothing has changed."""
        ...

    @verb("POST /v1/janitor", changes=True, line="janitor", deadline_s=MAINTENANCE_S)
    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        """Let the janitor go round now; its acts. dry_run: only say what a round would do."""
        ...

    @verb("GET /v1/sessions", files=True, line="", under="names")
    def with_session(self) -> tuple[str, ...]:
        """The instances that have something to clean."""
        ...

    @verb("POST /v1/numbers", changes=True, line="", under="numbers")
    async def numbers(self) -> tuple[OwnNumber, ...]:
        """The whole numbers of those that are linked, which are masked everywhere else. It changes
        nothing, but is refused to who may only look, and is in the audit."""
        ...

    @verb("POST /v1/clean-all", changes=True, files=True, deadline_s=MAINTENANCE_S, under="cleaned")
    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        """Clean every instance that has a session; their names.

        count: how many the operator believes there are; it is refused when that is wrong.
        """
        ...

    @verb("GET /v1/trash", files=True)
    async def trash(self) -> tuple[TrashView, ...]:
        """What lies in the trash, the newest first."""
        ...

    @verb("POST /v1/trash/{entry}/restore", changes=True, files=True, under="instance")
    async def restore(self, entry: str) -> str:
        """Bring a trashed session back, byte for byte, and its instance; the instance's name.

        Refused over an existing session, and for a device that is live elsewhere.
        """
        ...

    # -- what is remembered, as long as the settings say --------------------------------------

    @verb("GET /v1/conflicts", files=True)
    async def conflicts(self, since: Moment = 0.0) -> tuple[ConflictRecord, ...]:
        """The conflicts of the history from a moment (UTC seconds) on, oldest first."""
        ...

    @verb("GET /v1/incidents", files=True)
    async def incidents(self, since: Moment = 0.0) -> tuple[IncidentView, ...]:
        """The incidents that still grew at `since` (UTC seconds) or later, newest first."""
        ...

    @verb(
        "POST /v1/incidents/{incident}/acknowledge", changes=True, files=True, under="acknowledged"
    )
    async def acknowledge(self, incident: IncidentId, *, note: str = "") -> None:
        """Note that the incident with this number was seen, and by whom. The first time counts,
        unless a later one has something to say.

        note: what they have to say about it, one line. Raises FleetError when there is no such
        incident, and for a note that is too long.
        """
        ...

    @verb("POST /v1/instances/{name}/silence", changes=True)
    async def silence(self, name: Name, seconds: SilenceSeconds) -> Silence:
        """Tell nobody of what happens to an instance for so many seconds; 0 ends that.

        What goes on when it is over is told then. The end of what was told before is told at once.
        """
        ...

    @verb("GET /v1/silences", files=True)
    async def silences(self) -> tuple[Silence, ...]:
        """The instances of which nobody is told, the first to end first."""
        ...

    # -- who is told --------------------------------------------------------------------------

    @verb("GET /v1/alerts", files=True)
    async def alerts(self) -> AlertsView:
        """The sinks of the settings, and how they stand with their messages."""
        ...

    @verb("POST /v1/alerts/test", changes=True, line="alerts test", deadline_s=MAINTENANCE_S)
    async def test_alerts(self, sink: str | None = None) -> tuple[SinkTest, ...]:
        """Send a test to one sink or to all, once each; whether they have taken it.

        Raises FleetError when no sink has this name.
        """
        ...

    @verb("GET /v1/alerts/failed", files=True, line="alerts failed")
    async def failed_alerts(self) -> tuple[FailedAlert, ...]:
        """The messages that were given up, oldest first."""
        ...

    @verb("POST /v1/alerts/retry", changes=True, line="alerts retry")
    async def retry_alerts(self, message: str | None = None) -> tuple[FailedAlert, ...]:
        """Try anew, at once, what was given up: the message with this id, or all of them whose
        sinks the settings still have. Returns them as they were.

        Raises FleetError when no such message has this id.
        """
        ...

    @verb("GET /v1/webhooks", files=True)
    async def webhooks(self) -> tuple[WebhookView, ...]:
        """Who is told of messages and states by URL, and how that stands."""
        ...

    @verb("POST /v1/webhooks/test", changes=True, line="webhooks test", deadline_s=MAINTENANCE_S)
    async def test_webhooks(self, webhook: str | None = None) -> tuple[WebhookTest, ...]:
        """Send a test to one webhook or to all, once each; whether they have taken it.

        Raises FleetError when no webhook has this name.
        """
        ...

    @verb("GET /v1/webhooks/failed", files=True, line="webhooks failed")
    async def failed_webhooks(self) -> tuple[FailedDelivery, ...]:
        """The events that were given up, the oldest first; 1,000 at most."""
        ...

    @verb("POST /v1/webhooks/retry", changes=True, line="webhooks retry")
    async def retry_webhooks(self, event: str | None = None) -> tuple[FailedDelivery, ...]:
        """Try anew, at once, what was given up and is kept: the event with this id, or all of them
        whose webhooks there still are. Returns them as they were.

        Raises FleetError when no such event has this id.
        """
        ...

    # -- messages out -------------------------------------------------------------------------

    @verb(
        "POST /v1/instances/{name}/messages",
        changes=True,
        line="",
        status=202,
        body_limit=TEXT_BODY_BYTES,
    )
    async def send_message(self, name: Name, to: Recipient, text: TextToSend) -> MessageView:
        """Put a text into the queue of an instance; it is stored when this returns, and sent when
        its turn comes. Raises MessageRefusedError."""
        ...

    @verb("GET /v1/messages", files=True)
    async def messages(
        self,
        name: Name | None = None,
        *,
        state: MessageState | None = None,
        limit: Messages = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        """The messages out, the newest first, without their texts. name: of one instance only.
        before: the id of the last one of an earlier answer; then it is what comes behind that.
        Refused when no message has that id."""
        ...

    @verb("POST /v1/messages/{message}/cancel", changes=True, line="messages cancel")
    async def cancel_message(self, message: str) -> MessageView:
        """Take back a message that waits. Refused when a worker has it, or had it."""
        ...

    @verb("POST /v1/messages/{message}/resolve", changes=True, line="")
    async def resolve_message(self, message: str, how: Resolution) -> MessageView:
        """Send a message again that is unknown, failed or held, or close it; see `Resolution`."""
        ...

    @verb("POST /v1/messages/{message}/text", changes=True, line="")
    async def message_text(self, message: str) -> MessageText:
        """What a message says. It changes nothing, but is refused to who may only look, and is in
        the audit."""
        ...

    @verb("GET /v1/opt-outs", files=True)
    async def opt_outs(self, name: Name | None = None) -> tuple[OptedOut, ...]:
        """Who asked to be sent no more, the newest first. name: of one instance only."""
        ...

    @verb("POST /v1/opt-outs/{opt_out}/remove", changes=True, line="opt-outs remove")
    async def remove_opt_out(self, opt_out: str) -> OptedOut:
        """Let somebody be sent to again who asked for the opposite."""
        ...

    # -- what is remembered, of one instance and for a screen ---------------------------------

    @verb("GET /v1/instances/{name}/timeline", files=True, line="history")
    async def timeline(
        self, name: Name, since: Moment = 0.0, limit: Moves = 200
    ) -> tuple[Moved, ...]:
        """The newest `limit` moves of an instance, oldest first.

        They begin with the one before `since` (UTC seconds), if there is one: it tells how the
        instance stood then.
        """
        ...

    @verb("GET /v1/stats", files=True)
    async def stats(
        self, since: Moment = 0.0, name: Name | None = None, by: StatsBy | None = None
    ) -> tuple[Stats, ...]:
        """The sums of the history from the hour of `since` (UTC seconds) on: the fleet's first,
        then each instance's; none where nothing was counted. They are kept for 400 days.

        name: of one instance only. by: a row for each day or hour; None: one for all of it.
        """
        ...

    @verb("GET /v1/recent", files=True, line="")
    async def recent(
        self, after: str = "", name: Name | None = None, *, days: Days = 1
    ) -> tuple[Recent, ...]:
        """The last hours and the last week of the instances, in the order of their names: of as
        many as can be told at once, from the one behind the name `after` on. Whoever wants all
        asks on behind the last one until nothing is told.

        name: of one instance only. days: for how many the cells stand, 48 for each.
        """
        ...

    @verb("GET /v1/attempts", line="")
    async def attempts(self, since: Moment = 0.0, name: Name | None = None) -> tuple[Attempt, ...]:
        """The connect attempts that began at `since` (UTC seconds) or later, oldest first.

        name: of one instance only.
        """
        ...

    # -- who did it, and what they leave for the next one -------------------------------------

    @verb("GET /v1/audit", files=True)
    async def audit(self, since: Moment = 0.0, by: str = "") -> tuple[AuditEntry, ...]:
        """The acts of people from a moment (UTC seconds) on, oldest first.

        by: of one user alone, by name or number; "" for all.
        """
        ...

    @verb("GET /v1/notes", files=True, line="")
    async def notes(self) -> tuple[ShiftNote, ...]:
        """The notes that nobody has dismissed, oldest first."""
        ...

    @verb("POST /v1/notes", changes=True, files=True, status=201)
    async def note(self, text: str) -> ShiftNote:
        """Leave a note, one line, for whoever looks at the fleet next.

        Raises FleetError for a note that is empty or too long.
        """
        ...

    @verb("POST /v1/notes/{note}/dismiss", changes=True, files=True, line="", under="dismissed")
    async def dismiss(self, note: NoteId) -> None:
        """Take away the note with this number and those before it: they are dealt with.

        Raises FleetError when there is no such note.
        """
        ...

    # -- who may ask the API ------------------------------------------------------------------

    @verb("GET /v1/tokens", files=True, line="token")
    async def tokens(self) -> tuple[TokenView, ...]:
        """The tokens of the API, by name; never the tokens themselves."""
        ...

    @verb("POST /v1/tokens", changes=True, files=True, line="token add", status=201)
    async def add_token(
        self, name: str, instances: str = "*", scopes: str = "send,read"
    ) -> MadeToken:
        """Make a token with a name of its own; it is gone by at once.

        instances: patterns of the names of those that it is for, with commas between them. scopes:
        of `send`, `read` and `manage`, with commas between them. Raises FleetError for what cannot
        be, and for a name that is taken.
        """
        ...

    @verb(
        "POST /v1/tokens/{name}/revoke",
        changes=True, files=True, line="token revoke", under="revoked",
    )  # fmt: skip
    async def revoke_token(self, name: str) -> None:
        """Take a token back: from now on it allows nothing.

        Raises FleetError when there is none with this name.
        """
        ...

    # -- a scan from far away -----------------------------------------------------------------

    @verb("POST /v1/instances/{name}/link", changes=True, line="", status=201)
    async def make_link(self, name: Name, seconds: LinkSeconds = 600) -> MadeLink:
        """Make a link to the scan page: the browser that opens it first sees the QR codes of the
        instance, until that is linked. It ends an earlier one for the same instance.

        seconds: how long it lasts at the most. Raises FleetError for an instance that is linked,
        and where the page does not answer.
        """
        ...

    @verb("POST /v1/instances/{name}/unlink", changes=True, line="", under="instance")
    async def end_link(self, name: Name) -> None:
        """End the link to the scan page that was made for an instance.

        Raises FleetError when none leads to it.
        """
        ...
