"""The tools and the history of a scripted fleet: answers as a test wrote them, calls noted."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from waziterm.domain.alerts.alert import AlertSeverity
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import (
    AlertsView,
    FailedAlert,
    SinkKind,
    SinkTest,
    SinkView,
)
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.care.findings import Finding, FindingKind, FixReport, FixStep, Remedy, Severity
from waziterm.domain.care.layers import Layer, LayerName, TestReport, Verdict
from waziterm.domain.care.trash import Removal, TrashedFile, TrashView, Why
from waziterm.domain.fleet.api import FleetError, FleetView, LogLine, OwnNumber
from waziterm.domain.fleet.audit import AuditEntry, AuditResult, Person, Via
from waziterm.domain.fleet.history import (
    Attempt,
    AttemptKind,
    Edit,
    FleetLine,
    FleetLines,
    IncidentView,
    Moved,
    ShiftNote,
)
from waziterm.domain.fleet.tools import (
    AddedAll,
    BackedUp,
    Comeback,
    ConflictRecord,
    ExportFormat,
    Progress,
    RestartReport,
    RowProblem,
    SealedInstance,
    Step,
)
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.links import MadeLink
from waziterm.domain.messages.codes import OnUnknown, Scope
from waziterm.domain.messages.message import (
    MessageKind,
    MessageState,
    MessageText,
    MessageView,
    OptedOut,
)
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode, Resolution
from waziterm.domain.messages.token import MadeToken, TokenView, patterns_of, scopes_of
from waziterm.domain.moving.plan import (
    Carried,
    Heals,
    ImportReport,
    ImportSource,
    SourceKind,
)
from waziterm.domain.moving.plan import Verdict as ImportVerdict
from waziterm.domain.phrase import Phrase, joined
from waziterm.domain.reload import ConfigProblem, Reloaded
from waziterm.domain.stats.hours import Hour
from waziterm.domain.stats.strips import Recent
from waziterm.domain.stats.sums import Stats, StatsBy, stats_of
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.target import Form
from waziterm.domain.webhooks.views import FailedDelivery, WebhookTest, WebhookView

AT = 1_750_000_000.0
OPEN = Finding(
    FindingKind.OPEN_TO_OTHERS, Severity.WARNING, "sessions/shop-a.db", "shop-a",
    Phrase("others can read its keys (mode 644)"), Phrase("set its mode to 600"),
    Remedy.CLOSE_TO_OTHERS,
)  # fmt: skip
HELD = Finding(
    FindingKind.HELD, Severity.PROBLEM, "shop-b", "shop-b",
    Phrase("held since 12:00: another client keeps taking this session"),
    Phrase("stop the other client, then `waziterm reconnect shop-b --takeover`"),
)  # fmt: skip
STEP = FixStep(
    Remedy.CLOSE_TO_OTHERS, "sessions/shop-a.db", "shop-a", Phrase("set its mode to 600")
)
ENTRY = TrashView(
    "shop-z-20250615T150640Z-1f2e", "shop-z", AT, Why.REMOVED, True, True,
    (TrashedFile("shop-z.db", 4096, "ab" * 32),), AT + 30 * 86400,
)  # fmt: skip
RELOADED = Reloaded(
    ("limits.cooldown_s", "instances.shop-a.isolate"), ("log.lines_kept",), ("screen.theme",)
)
_HOUR = Hour(6_480.0, 7_200.0, 2, Counter({"dropped": 2}), conflicts=1, sends=3, acks=2)
_HOUR.drops_at[1_749_999_600] = 2
_HOUR.reconnects[230] = 2
_HOUR.patterns |= {"opened": 3, "closed": 2}
SUMS = (
    stats_of(None, AT - 2000, _HOUR),
    stats_of("shop-b", AT - 2000, _HOUR),
)
NOT_RELOADED = Reloaded(
    errors=(
        ConfigProblem(
            "/config.toml", 3, "/config.toml", "limits.cooldown_s", 0,
            "a number from 1 to 86400",
            "/config.toml: limits.cooldown_s: must be a number from 1 to 86400, not 0 (line 3)",
        ),
        ConfigProblem(None, None, "WAZITERM_X", "WAZITERM_X", "1", "", "WAZITERM_X: unknown"),
    )
)  # fmt: skip
IMPORT = ImportReport(
    (
        ImportSource(
            "/srv/sessions/jakarta", SourceKind.BAILEYS, "shop-jakarta",
            "+6281••••7890:7@s.whatsapp.net", 7,
            {Carried.PRE_KEYS: 811, Carried.SESSIONS: 4, Carried.LIDS: 4}, {Carried.SESSIONS: 1},
            (Heals.DEVICE_LISTS, Heals.SESSIONS), ImportVerdict.OK,
        ),
        ImportSource(
            "/srv/sessions/bogor", SourceKind.BAILEYS, "shop-bogor",
            "+6281••••1111:3@s.whatsapp.net", 3, {Carried.PRE_KEYS: 30}, {}, (),
            ImportVerdict.REFUSED,
            "pid 7: node app.js, since 12:00 UTC works there and is connected: stop it for good,"
            " or use --force",
        ),
    ),
    ("shop-jakarta",),
)  # fmt: skip
CONFLICT = ConflictRecord(AT, "shop-b", Reason.CONFLICT, State.COOLDOWN, "python bot.py (pid 7)")
OUTAGE = IncidentView(
    Reason.DIAL_FAILED, AT - 7200, AT - 7100, ("shop-a", "shop-b", "shop-c"), 12, "no route",
    is_serious=False, id=16, acknowledged_at=AT - 3600,
    done=Phrase(
        "all {met} connected again, each within {span}", met=3, span=Phrase("{count} s", count=41)
    ),
)  # fmt: skip
STOLEN = IncidentView(
    Reason.CONFLICT, AT - 600, AT - 590, ("shop-b",), 12, "python bot.py (pid 7)", id=17,
    told=(ToldTo("ops", AT - 599, True), ToldTo("mail", AT - 600, None)),
    done=joined(
        ", ",
        (
            Phrase("cool-down"),
            Phrase("one guarded attempt"),
            Phrase("connected after {span}", span=Phrase("{count} s", count=12)),
        ),
    ),
)  # fmt: skip
TOKEN = TokenView("webshop", (Scope.SEND, Scope.READ), ("shop-*",), AT - 3600, "sari")
LINK = "https://scan.example/scan/the-token"
SILENCED = Silence("shop-b", AT - 60, AT + 7140, "sari", "id of shop-b")
SINKS = AlertsView(
    (
        SinkView(
            "ops", SinkKind.WEBHOOK, "https://hooks.example", AlertSeverity.WARNING,
            ("conflict", "held"), "23:00-07:00 Asia/Jakarta", Numbers.MASKED, AT - 599, 0, 1,
        ),
        SinkView(
            "mail", SinkKind.APPRISE, "mailto://", AlertSeverity.INFO, (), "", Numbers.FULL,
            pending=2, last_error="no answer within 30 s",
        ),
    ),
    (SILENCED,),
)  # fmt: skip
TESTED = (SinkTest("ops", True, 0.125), SinkTest("mail", False, 30.0, "no answer within 30 s"))
GIVEN_UP = FailedAlert(
    "msg_5c1e", "ops", "17", AT - 86_400, AT - 7200, 79, "HTTP 500",
    "shop-b is held: another client keeps taking it.",
)  # fmt: skip
WEBHOOKS = (
    WebhookView(
        "crm", "https://crm.example", (EventType.MESSAGE_RECEIVED, EventType.INSTANCE_STATE),
        ("shop-*",), Numbers.MASKED, Form.STANDARD, True, False, AT - 599, 3, 1, "HTTP 503",
    ),
    WebhookView(
        "facade/4f2a", "https://old.example", (), ("shop-b",), Numbers.FULL, Form.WAZIPER, False,
        True,
    ),
)  # fmt: skip
GIVEN_UP_EVENT = FailedDelivery(
    "evt_5c1e", "crm", "shop-b", EventType.MESSAGE_SENT, 17, AT - 86_400, AT - 7200, 1, "HTTP 410",
    True,
)  # fmt: skip
MOVES = (
    Moved(AT - 90_000, State.CONNECTED, Reason.ONLINE),
    Moved(AT - 600, State.COOLDOWN, Reason.CONFLICT),
    Moved(AT - 589, State.CONNECTING, Reason.GUARDED, "waiting for its turn"),
    Moved(AT - 588, State.CONNECTED, Reason.ONLINE),
)
ATTEMPTS = (
    Attempt(AT - 90_001, "shop-b", AttemptKind.PAIRING, 0.75, True),
    Attempt(AT - 7000, "shop-a", AttemptKind.RETRY, 30.0, False),
    Attempt(AT - 589, "shop-b", AttemptKind.GUARDED, 1.25, True),
    Attempt(AT - 1, "shop-a", AttemptKind.ASKED),
)


_WAITS = MessageView(
    "m-0005", "shop-a", "+62812••••4411@s.whatsapp.net", MessageKind.TEXT, MessageState.QUEUED,
    AT - 20, AT + 140, AT + 86_380, OnUnknown.HOLD, "gap",
    Phrase("messages keep a distance"), Phrase("sent when its turn comes"),
)  # fmt: skip
_UNSURE = replace(
    _WAITS, id="m-0003", instance="shop-b", state=MessageState.UNKNOWN, at=AT - 7300, due=None,
    expires_at=AT + 79_100, code="no_answer", tries=1, kind=MessageKind.IMAGE,
    reason=Phrase("no acknowledgement came: it may have arrived"),
    next_step=Phrase("send it again, or close it"), waits_for_person=True,
)  # fmt: skip
_READ = replace(
    _WAITS, id="m-0002", state=MessageState.READ, at=AT - 9000, due=None, code="",
    reason="", next_step="", tries=1, ref="order-17", sent_at=AT - 8999,
    delivered_at=AT - 8998, read_at=AT - 8000, ended_at=AT - 8000,
)  # fmt: skip
_FAILED = replace(
    _UNSURE, id="m-0001", state=MessageState.FAILED, at=AT - 9100, code="463",
    reason=Phrase("WhatsApp lets this number start no new chats for a time"),
    next_step=Phrase("write where a chat exists"), ended_at=AT - 9090, kind=MessageKind.TEXT,
)  # fmt: skip
POSTED = (_WAITS, _UNSURE, _READ, _FAILED)
"""Messages out, the newest first."""
LEFT_ALONE = OptedOut("o-7", "shop-a", "+62812••••9083@s.whatsapp.net", AT - 4000)

SARI = Person("sari", 998, 4711, Via.VERB, login_uid=1000, tty="pts/3", origin="192.0.2.7")
ACTED = (
    AuditEntry(
        *(AT - 60, SARI, "reconnect", ("shop-b",), {"takeover": True}), result=AuditResult.DONE
    ),
    AuditEntry(
        *(AT - 50, replace(SARI, who="budi", login_uid=1001, via=Via.SCREEN), "clean", ("shop-x",)),
        args={}, result=AuditResult.REFUSED, error="there is no instance shop-x",
    ),
    AuditEntry(AT - 40, SARI, "clean-all", (), {"count": 2}),
)  # fmt: skip


class ScriptedTools:
    """The tools and the history of `domain.fleet.protocol.Fleet` with answers by hand.

    happened: the incidents, newest first. courses: the moves of each instance, by name.
    """

    found: tuple[Finding, ...] = (HELD, OPEN)
    entries: tuple[TrashView, ...] = (ENTRY,)
    sessions: tuple[str, ...] = ("shop-a", "shop-b")
    own: tuple[OwnNumber, ...] = (OwnNumber("shop-a", "+6281234567890"),)
    reloaded: Reloaded = RELOADED
    layers_failed: frozenset[LayerName] = frozenset()
    happened: tuple[IncidentView, ...] = (STOLEN, OUTAGE)
    courses: Mapping[str, tuple[Moved, ...]] = {"shop-b": MOVES}
    tried: tuple[Attempt, ...] = ATTEMPTS
    fought: tuple[ConflictRecord, ...] = (CONFLICT,)
    acted: tuple[AuditEntry, ...] = ACTED
    left: tuple[ShiftNote, ...] = ()
    edited: tuple[Edit, ...] = ()
    summed: tuple[Stats, ...] = SUMS
    lately: tuple[Recent, ...] = ()
    told_at_once = 100
    posted: tuple[MessageView, ...] = POSTED
    opted_out: tuple[OptedOut, ...] = (LEFT_ALONE,)
    message_says: str = "Your order is ready"

    async def took(self, *call: object) -> None:
        """Note a call; raise what the test wants it to raise."""
        raise NotImplementedError

    async def add_all(self, table: str, *, dry_run: bool = False) -> AddedAll:
        await self.took("add_all", table, dry_run)
        if "wrong" in table:
            return AddedAll(dry_run, (), (RowProblem(2, "phone", "'wrong' is no number"),))
        return AddedAll(dry_run, tuple(table.split()[1:]))

    async def export(
        self,
        name: str,
        to: str,
        passphrase: str = "",
        *,
        format: ExportFormat | None = None,  # noqa: A002 - as declared
    ) -> SealedInstance:
        await self.took("export", name, to)
        return SealedInstance(name, to, 71_000)

    async def take_in(
        self,
        file: str,
        passphrase: str,
        name: str | None = None,
        *,
        start: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        await self.took("take_in", file, name)
        made = name or "shop-z"
        told = ImportSource(
            *(file, SourceKind.SEALED, made, "49151••••0007:1@s.whatsapp.net", 1),
            *({Carried.SESSIONS: 4}, {}, (), ImportVerdict.OK),
        )
        return ImportReport((told,), () if dry_run else (made,))

    async def backup(self, file: str, passphrase: str = "", recipient: str = "") -> BackedUp:
        await self.took("backup", file, recipient)
        return BackedUp(file, 2_400_000, 31)

    async def import_sessions(
        self,
        sources: str,
        *,
        name: str | None = None,
        prefix: str = "",
        device: str = "",
        keys_db: str = "",
        start: bool = False,
        force: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        await self.took("import_sessions", sources, name, prefix, start, force, dry_run)
        return IMPORT if not dry_run else replace(IMPORT, imported=())

    async def remove(self, name: str, *, logout: bool = False, act_id: str = "") -> Removal:
        await self.took("remove", name, logout)
        return Removal(ENTRY.id)

    async def numbers(self) -> tuple[OwnNumber, ...]:
        await self.took("numbers")
        return self.own

    def with_session(self) -> tuple[str, ...]:
        return self.sessions

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        await self.took("clean_all", count, logout)
        return self.sessions

    async def trash(self) -> tuple[TrashView, ...]:
        await self.took("trash")
        return self.entries

    async def restore(self, entry: str) -> str:
        await self.took("restore", entry)
        return "shop-z"

    async def check(self) -> tuple[Finding, ...]:
        await self.took("check")
        return self.found

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        await self.took("fix", dry_run)
        return FixReport(dry_run, (STEP,), (HELD,))

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        await self.took("restart", clean_sessions)
        yield Progress(Step.STOP, 1, 2, "shop-a")
        yield Progress(Step.STOP, 2, 2, "shop-b")
        yield RestartReport(
            (
                Comeback("shop-a", State.CONNECTED, Reason.ONLINE, True, 1.25),
                Comeback("shop-b", State.HELD, Reason.RIVAL, False, None),
            ),
            FixReport(False, (), (HELD,)),
            0,
            2.5,
        )

    async def test(self, name: str, to: str | None = None, *, send: bool = False) -> TestReport:
        await self.took("test", name, to, send)
        failed = False
        layers = []
        for layer in LayerName:
            if failed:
                layers.append(Layer(layer, Verdict.SKIPPED, None, Phrase("not tried")))
            elif layer in self.layers_failed:
                failed = True
                layers.append(
                    Layer(
                        layer, Verdict.FAILED, 1.0, Phrase("no answer"), Phrase("see the network")
                    )
                )
            else:
                layers.append(Layer(layer, Verdict.OK, 0.01, Phrase("well")))
        return TestReport(name, tuple(layers))

    def snapshot(self) -> FleetView:
        raise NotImplementedError

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        raise NotImplementedError

    async def lines(
        self, name: str, *, limit: int = 200, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        lines = self.tail(name, 100_000)
        return tuple(line for line in lines if line.seq > after and line.at >= since)[-limit:]

    async def fleet_lines(
        self,
        *,
        limit: int = 200,
        since: float = 0.0,
        name: str | None = None,
        after: int | None = None,
    ) -> FleetLines:
        if name:
            self.snapshot().instance(name)
        names = [name] if name else [each.name for each in self.snapshot().everyone()]
        found = [
            FleetLine(each, line.seq, line.at, line.source, line.text)
            for each in names
            for line in self.tail(each, 100_000)
            if line.at >= since and (after is None or line.seq > after)
        ]
        found.sort(key=lambda line: line.at)
        last = max((line.seq for line in found), default=after or 0)
        return FleetLines(tuple(found[-limit:]), last)

    async def reload(self) -> Reloaded:
        await self.took("reload")
        return self.reloaded

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        return self.fought

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        return tuple(each for each in self.happened if each.last_at >= since)

    async def silence(self, name: str, seconds: int) -> Silence:
        await self.took("silence", name, seconds)
        return Silence(name, AT, AT + seconds, "sari", f"id of {name}")

    async def silences(self) -> tuple[Silence, ...]:
        await self.took("silences")
        return (SILENCED,)

    async def acknowledge(self, incident: int, *, note: str = "") -> None:
        await self.took("acknowledge", incident, *([note] if note else []))
        if all(each.id != incident for each in self.happened):
            raise FleetError(f"there is no incident {incident}", code=2)
        self.happened = tuple(
            replace(
                each, acknowledged_at=each.acknowledged_at or AT, acknowledged_by="sari", note=note
            )
            if each.id == incident
            else each
            for each in self.happened
        )

    async def audit(self, since: float = 0.0, by: str = "") -> tuple[AuditEntry, ...]:
        people = [(each, {each.person.who, str(each.person.uid)}) for each in self.acted]
        return tuple(each for each, names in people if each.at >= since and (not by or by in names))

    async def notes(self) -> tuple[ShiftNote, ...]:
        return self.left

    async def note(self, text: str) -> ShiftNote:
        await self.took("note", text)
        made = ShiftNote(len(self.left) + 1, AT, "sari", text)
        self.left = (*self.left, made)
        return made

    async def dismiss(self, note: int) -> None:
        await self.took("dismiss", note)
        self.left = tuple(each for each in self.left if each.id > note)

    async def make_link(self, name: str, seconds: int = 600) -> MadeLink:
        await self.took("make_link", name, seconds)
        return MadeLink(LINK, name, AT + seconds)

    async def end_link(self, name: str) -> None:
        await self.took("end_link", name)

    async def tokens(self) -> tuple[TokenView, ...]:
        return (TOKEN,)

    async def add_token(
        self, name: str, instances: str = "*", scopes: str = "send,read"
    ) -> MadeToken:
        await self.took("add_token", name, instances, scopes)
        return MadeToken(name, "wzt_" + "x" * 43, scopes_of(scopes), patterns_of(instances))

    async def revoke_token(self, name: str) -> None:
        await self.took("revoke_token", name)
        if name != TOKEN.name:
            raise FleetError(f"no token is called {name!r}", "see `waziterm token list`", code=2)

    async def edits(self) -> tuple[Edit, ...]:
        return self.edited

    async def alerts(self) -> AlertsView:
        return SINKS

    async def test_alerts(self, sink: str | None = None) -> tuple[SinkTest, ...]:
        await self.took("test_alerts", sink)
        found = tuple(each for each in TESTED if sink in (None, each.sink))
        if not found:
            raise FleetError(f"no sink is called {sink!r}", "see `waziterm alerts`", code=2)
        return found

    async def failed_alerts(self) -> tuple[FailedAlert, ...]:
        return (GIVEN_UP,)

    async def retry_alerts(self, message: str | None = None) -> tuple[FailedAlert, ...]:
        await self.took("retry_alerts", message)
        return (GIVEN_UP,)

    async def webhooks(self) -> tuple[WebhookView, ...]:
        return WEBHOOKS

    async def test_webhooks(self, webhook: str | None = None) -> tuple[WebhookTest, ...]:
        await self.took("test_webhooks", webhook)
        if webhook not in (None, "crm"):
            said = f"no webhook is called {webhook!r}"
            raise FleetError(said, "see `waziterm webhooks`", code=2)
        return (WebhookTest("crm", ok=False, took_s=0.25, error="HTTP 503"),)

    async def failed_webhooks(self) -> tuple[FailedDelivery, ...]:
        return (GIVEN_UP_EVENT,)

    async def retry_webhooks(self, event: str | None = None) -> tuple[FailedDelivery, ...]:
        await self.took("retry_webhooks", event)
        return (GIVEN_UP_EVENT,)

    async def send_message(self, name: str, to: str, text: str) -> MessageView:
        await self.took("send_message", name, to, text)
        sent = replace(_WAITS, id=f"m-{len(self.posted) + 2:04}", instance=name)
        self.posted = (sent, *self.posted)
        return sent

    async def messages(
        self,
        name: str | None = None,
        *,
        state: MessageState | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        found = [
            each
            for each in self.posted
            if name in (None, each.instance) and state in (None, each.state)
        ]
        return tuple(each for each in found if before is None or each.id < before)[:limit]

    async def cancel_message(self, message: str) -> MessageView:
        await self.took("cancel_message", message)
        if self._posted(message).state is not MessageState.QUEUED:
            said = Phrase("{message} was given to WhatsApp already", message=message)
            raise MessageRefusedError(RefusalCode.TOO_LATE, said)
        return self._became(message, MessageState.CANCELLED)

    async def resolve_message(self, message: str, how: Resolution) -> MessageView:
        await self.took("resolve_message", message, how.value)
        again = how is Resolution.RESEND
        return self._became(message, MessageState.QUEUED if again else MessageState.FAILED)

    async def message_text(self, message: str) -> MessageText:
        await self.took("message_text", message)
        found = self._posted(message)
        return MessageText(found.id, found.instance, found.to, self.message_says)

    async def opt_outs(self, name: str | None = None) -> tuple[OptedOut, ...]:
        return tuple(each for each in self.opted_out if name in (None, each.instance))

    async def remove_opt_out(self, opt_out: str) -> OptedOut:
        await self.took("remove_opt_out", opt_out)
        found = next((each for each in self.opted_out if each.id == opt_out), None)
        if found is None:
            said = Phrase("no opt-out has the id {id}", id=opt_out)
            raise MessageRefusedError(RefusalCode.OPT_OUT_NOT_FOUND, said)
        self.opted_out = tuple(each for each in self.opted_out if each is not found)
        return found

    def _posted(self, message: str) -> MessageView:
        for each in self.posted:
            if each.id == message:
                return each
        said = Phrase("no message has the id {id}", id=message)
        raise MessageRefusedError(RefusalCode.MESSAGE_NOT_FOUND, said)

    def _became(self, message: str, state: MessageState) -> MessageView:
        waits = state is MessageState.QUEUED
        found = replace(
            self._posted(message), state=state, due=AT + 140 if waits else None, code="",
            waits_for_person=False, reason="", next_step="", ended_at=None if waits else AT,
        )  # fmt: skip
        self.posted = tuple(found if each.id == message else each for each in self.posted)
        return found

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        course = self.courses.get(name, ())
        before = [moved for moved in course if moved.at < since][-1:]
        return (*before, *(moved for moved in course if moved.at >= since))[-limit:]

    async def stats(
        self, since: float = 0.0, name: str | None = None, by: StatsBy | None = None
    ) -> tuple[Stats, ...]:
        return tuple(
            each for each in self.summed if each.since >= since and name in (None, each.instance)
        )

    async def recent(
        self, after: str = "", name: str | None = None, *, days: int = 1
    ) -> tuple[Recent, ...]:
        told = sorted(self.lately, key=lambda each: each.instance)
        told = [each for each in told if each.instance > after or name is not None]
        return tuple(each for each in told if name in (None, each.instance))[: self.told_at_once]

    async def attempts(self, since: float = 0.0, name: str | None = None) -> tuple[Attempt, ...]:
        return tuple(
            each for each in self.tried if each.at >= since and name in (None, each.instance)
        )
