"""One worker that several instances share: each is served, hurt and let go for itself."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hostile import Strangers
from tests.worker.hand import DEADLINE_S, Hand, connecting, forked, pair
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.sending import Acknowledged
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind, LabEvent
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import Scanned
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.protocol import Answered, Connect, Noted

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("shop-a", "shop-b", "shop-c")
A, B, C = NAMES
CLOSED = "this worker starts nothing any more"


class Relay:
    """A way to the lab that can be made to take connections and say nothing."""

    def __init__(self, proxy: str) -> None:
        host, port = proxy.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._open = asyncio.Event()
        self._open.set()
        self._held = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self.proxy = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            try:
                yield self
            finally:
                server.close()
                self._open.set()
                self.drop()

    def hold(self) -> None:
        """Say nothing to those who come from now on."""
        self._held.clear()
        self._open.clear()

    def drop(self) -> None:
        """End all connections, those that are held too."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def release(self) -> None:
        """Let those who are held through, and all who come."""
        self._open.set()

    async def wait_held(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self._held.wait()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if not self._open.is_set():
            self._held.set()
        await self._open.wait()
        with suppress(OSError):
            there_reader, there = await asyncio.open_connection(*self._target)
            self._writers.append(there)
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass(frozen=True)
class Stage:
    """The linked devices, and a folder for this test's copies of their session files."""

    lab: Lab
    phones: dict[str, Scanned]
    sessions: Path
    folder: Path

    def connect(self, name: str, proxy: str | None = None, *, alone: bool = False) -> Connect:
        file = LabFile.parse(self.lab.file.read_text())
        copy = shutil.copy(self.sessions / f"{name}.db", self.folder)
        jid = self.phones[name].jid
        return Connect(name, str(copy), jid, proxy or file.proxy, file.noise_root_key, alone)

    def jid(self, name: str) -> str:
        return self.phones[name].jid

    async def lab_event(self, name: str, kind: EventKind, position: int) -> LabEvent:
        """The first event of a kind that one of them has in the lab from a position on."""
        jid = self.jid(name)
        return await self.lab.wait_event(
            lambda event: event.kind is kind and event.jid == jid, DEADLINE_S, position=position
        )

    def events_since(self, name: str, seen: list[LabEvent]) -> list[EventKind]:
        return [event.kind for event in seen if event.jid == self.jid(name)]


@dataclass(frozen=True)
class Packed(Stage):
    """One worker in which all of them are connected."""

    hand: Hand

    async def probe_all(self, *names: str) -> None:
        """Probe them all at the same time; each must be answered, for itself and without error."""
        requests = {name: await self.hand.start_probe(name) for name in names}
        for name, request in requests.items():
            answered = await self.hand.answer(request)
            assert (answered.instance, answered.error) == (name, "")

    async def dropped_and_back(self, *names: str) -> None:
        """Reset all connections of the lab; these come back by themselves."""
        position, connected = self.lab.position, self.hand.position
        await self.lab.trouble(TroubleKind.TCP_RESET)
        for name in names:
            await self.lab_event(name, EventKind.LOGIN, position)
            await self.hand.wait_for(ev.Connected, connected, instance=name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote(shared_lab: Lab) -> AsyncIterator[Zygote]:
    zygote = Zygote(LabFile.parse(shared_lab.file.read_text()).ca_file)
    yield zygote
    await zygote.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(
    shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Scanned], Path]:
    """Each is paired once, in a worker of its own."""
    folder = tmp_path_factory.mktemp("packed")

    async def paired(name: str) -> Scanned:
        async with connecting(shared_lab, folder / f"{name}.db") as hand:
            return await pair(shared_lab, hand)

    found = await asyncio.gather(*(paired(name) for name in NAMES))
    return dict(zip(NAMES, found, strict=True)), folder


@pytest_asyncio.fixture(loop_scope="module")
async def stage(
    shared_lab: Lab, phones: tuple[dict[str, Scanned], Path], tmp_path: Path
) -> AsyncIterator[Stage]:
    yield Stage(shared_lab, *phones, tmp_path)
    await shared_lab.clear()
    # A receipt that its worker had no time for: the next test's would be brought the message.
    for phone in phones[0].values():
        await shared_lab.drop_messages(phone.jid)


@pytest_asyncio.fixture(loop_scope="module")
async def packed(stage: Stage, zygote: Zygote) -> AsyncIterator[Packed]:
    async with forked(zygote) as hand:
        yield await _pack(stage, hand)


async def _pack(stage: Stage, hand: Hand, **proxies: str) -> Packed:
    for name in NAMES:
        await hand.tell(stage.connect(name, proxies.get(name)))
    for name in NAMES:
        connected = await hand.wait_for(ev.Connected, instance=name)
        assert connected.jid == stage.jid(name)
    return Packed(stage.lab, stage.phones, stage.sessions, stage.folder, hand)


# -- each for itself ------------------------------------------------------------------------


async def test_each_is_connected_once_as_itself(packed: Packed) -> None:
    online = {session.jid: session.connection for session in await packed.lab.sessions()}
    assert set(online) == {packed.jid(name) for name in NAMES}
    for name in NAMES:
        assert [type(event) for event in packed.hand.events_of(name)] == [ev.Connected]


async def test_probes_and_texts_are_answered_for_the_right_one(packed: Packed) -> None:
    heard = {name: len(await packed.lab.messages(packed.jid(name))) for name in NAMES}
    position = packed.lab.position
    probes = {await packed.hand.start_probe(name): name for name in NAMES}
    texts = {await packed.hand.start_text(f"text of {name}", None, name): name for name in NAMES}
    for request, name in {**probes, **texts}.items():
        answered = await packed.hand.answer(request)
        assert (answered.instance, answered.error) == (name, "")
        assert isinstance(answered.sent, Acknowledged) == (request in texts)
    for request, name in texts.items():
        received = await packed.lab.wait_message(packed.jid(name), 10, nth=heard[name] + 1)
        assert received.text == f"text of {name}"
        assert received.sender == packed.jid(name)
        sent = (await packed.hand.answer(request)).sent
        assert isinstance(sent, Acknowledged) and received.id == sent.whatsapp_id
        assert len(await packed.lab.messages(packed.jid(name))) == heard[name] + 1
    seen = await _seen(packed.lab, position)
    for name in NAMES:
        assert EventKind.PROBE in packed.events_since(name, seen)


async def test_one_writes_to_another_in_the_same_worker(packed: Packed) -> None:
    heard = len(await packed.lab.messages(packed.jid(B)))
    await packed.hand.text_id("hello", str(Jid.parse(packed.jid(B)).account), A)
    received = await packed.lab.wait_message(packed.jid(B), 10, nth=heard + 1)
    assert (received.text, received.sender) == ("hello", packed.jid(A))
    await _wait_note(packed.hand, "message received", B)
    assert not _notes(packed.hand, "message received", A)
    assert not _notes(packed.hand, "message received", C)


async def test_log_lines_carry_the_right_name(packed: Packed) -> None:
    position = packed.hand.position
    await packed.lab.trouble(TroubleKind.STREAM_ERROR, packed.jid(B), code=516)
    await packed.hand.wait_for(ev.StreamError, position, instance=B)
    await packed.hand.wait_for(Noted, position, instance=B)
    for name in (A, C):
        assert await packed.lab.send_text(packed.jid(name), "hi", "628999000111")
        await _wait_note(packed.hand, "message received", name)
    assert not _notes(packed.hand, "message received", B)
    noted = [m for m in packed.hand.said[position:] if isinstance(m, Noted)]
    for name in (A, C):
        assert {m.text for m in noted if m.instance == name} == {"message received"}


async def test_a_conflict_is_told_for_one_alone(packed: Packed) -> None:
    position, at = packed.hand.position, packed.lab.position
    await packed.lab.trouble(TroubleKind.CONFLICT, packed.jid(A))
    await packed.hand.wait_for(ev.StreamReplaced, position, instance=A)
    assert (await packed.hand.probe(A)).error == "not connected"
    await packed.probe_all(B, C)
    for name in (B, C):
        assert packed.hand.events_of(name, position) == []
        assert set(packed.events_since(name, await _seen(packed.lab, at))) == {EventKind.PROBE}


async def test_a_drop_is_told_for_one_alone(packed: Packed) -> None:
    position = packed.hand.position
    await packed.lab.trouble(TroubleKind.TCP_RESET, packed.jid(C))
    await packed.hand.wait_for(ev.Disconnected, position, instance=C)
    await packed.hand.wait_for(ev.Connected, position, instance=C)
    await packed.probe_all(*NAMES)
    assert packed.hand.events_of(A, position) == packed.hand.events_of(B, position) == []


async def test_a_refusal_on_which_the_library_would_crash_meets_one_alone(packed: Packed) -> None:
    """F49, at a redial."""
    position = packed.hand.position
    await packed.lab.trouble(TroubleKind.LOGIN_FAILURE, packed.jid(B), code=413, times=1)
    await packed.lab.trouble(TroubleKind.TCP_RESET, packed.jid(B))
    refused = await packed.hand.wait_for(ev.ConnectFailure, position, instance=B)
    assert refused == ev.ConnectFailure(413)
    assert (await packed.hand.leave(B)).error == ""
    await packed.dropped_and_back(A, C)
    await packed.probe_all(A, C)
    assert packed.hand.process.alive


async def test_a_first_login_on_which_the_library_would_crash_leaves_room_for_the_next(
    stage: Stage, zygote: Zygote
) -> None:
    await stage.lab.trouble(TroubleKind.LOGIN_FAILURE, stage.jid(A), code=414, times=1)
    async with forked(zygote) as hand:
        await hand.tell(stage.connect(A))
        await hand.wait_for(ev.ConnectFailure, instance=A)
        await hand.tell(stage.connect(B))
        await hand.wait_for(ev.Connected, instance=B)
        assert (await hand.leave(A)).error == ""
        assert (await hand.probe(B)).error == ""


async def test_what_strangers_send_leaves_nobody_deaf(packed: Packed) -> None:
    """10,000 of them, under the screen: `tests/e2e/test_deaf.py`."""

    async def flood(seed: int, name: str) -> None:
        strangers = Strangers(seed)
        for _ in range(120):
            await strangers.next().send(packed.lab, packed.jid(name))

    position = packed.hand.position
    await asyncio.gather(*(flood(seed, name) for seed, name in enumerate(NAMES)))
    for name in NAMES:
        # It stands in one queue behind whatever came before.
        await packed.lab.send_stanza(packed.jid(name), "stream:error", {"code": "516"})
        error = await packed.hand.wait_for(ev.StreamError, position, instance=name)
        assert error == ev.StreamError("516", "")
        assert packed.hand.events_of(name, position) == [error]
        assert await packed.hand.text_id("still there", None, name)
    assert packed.hand.process.alive
    assert not any("Traceback" in line or "panic" in line for line in packed.hand.lines)


# -- the written-once rule ------------------------------------------------------------------


async def test_nobody_is_started_after_the_first_call(stage: Stage, zygote: Zygote) -> None:
    async with forked(zygote) as hand:
        for name in (A, B):
            await hand.tell(stage.connect(name))
            await hand.wait_for(ev.Connected, instance=name)
        assert (await hand.probe(A)).error == ""
        at = stage.lab.position
        await hand.tell(stage.connect(C))
        assert (await hand.wait_for(ev.NotStarted, instance=C)).detail == CLOSED
        assert (await hand.probe(C)).error == "not connected"
        assert (await hand.probe(B)).error == ""
        assert stage.events_since(C, await _seen(stage.lab, at)) == []
        assert hand.events_of(C) == [ev.NotStarted(CLOSED)]


async def test_calls_and_starts_at_the_same_moment(stage: Stage, zygote: Zygote) -> None:
    """A probe as soon as the first is connected: the others are started by then, or refused."""
    async with forked(zygote) as hand:
        for name in NAMES:
            await hand.tell(stage.connect(name))
        await hand.wait_for(ev.Connected, instance=A)
        assert (await hand.probe(A)).error == ""
        for name in (B, C):
            await hand.wait_for(ev.Connected, instance=name)
            assert (await hand.probe(name)).error == ""


async def test_a_start_that_cannot_be_made_leaves_room_for_the_next(
    stage: Stage, zygote: Zygote
) -> None:
    async with forked(zygote) as hand:
        command = stage.connect(A)
        _spoil(Path(command.session))
        await hand.tell(command)
        await hand.tell(stage.connect(B, "http://127.0.0.1:1"))
        await hand.tell(stage.connect(C))
        await hand.wait_for(ev.SessionBroken, instance=A)
        await hand.wait_for(ev.DialFailed, instance=B)
        await hand.wait_for(ev.Connected, instance=C)
        assert (await hand.probe(C)).error == ""


# -- leaving --------------------------------------------------------------------------------


async def test_one_leaves_and_the_others_stay(packed: Packed) -> None:
    position, at = packed.hand.position, packed.lab.position
    left = await packed.hand.leave(B)
    assert (left.instance, left.error) == (B, "")
    await packed.lab_event(B, EventKind.CLOSE, at)
    assert {s.jid for s in await packed.lab.sessions()} == {packed.jid(A), packed.jid(C)}
    await packed.probe_all(A, C)
    seen = await _seen(packed.lab, at)
    assert packed.events_since(B, seen) == [EventKind.CLOSE]
    for name in (A, C):
        assert set(packed.events_since(name, seen)) == {EventKind.PROBE}
        assert packed.hand.events_of(name, position) == []

    # A client that would redial has done so by the time when two others are back.
    await packed.dropped_and_back(A, C)
    await packed.probe_all(A, C)
    assert packed.events_since(B, await _seen(packed.lab, at)) == [EventKind.CLOSE]
    assert packed.hand.events_of(B, position) == []
    assert (await packed.hand.probe(B)).error


async def test_what_has_left_goes_on_in_another_worker(packed: Packed, zygote: Zygote) -> None:
    await packed.hand.leave(A)
    async with forked(zygote) as other:
        at = packed.lab.position
        await other.tell(packed.connect(A, alone=True))
        await other.wait_for(ev.Connected, instance=A)
        assert (await other.probe(A)).error == ""
        await packed.probe_all(B, C)
        seen = await _seen(packed.lab, at)
        assert EventKind.KICK not in packed.events_since(A, seen)
        assert not any(isinstance(e, ev.StreamReplaced) for e in packed.hand.events)


async def test_all_leave_one_after_the_other(packed: Packed) -> None:
    for name in NAMES:
        assert (await packed.hand.leave(name)).error == ""
    at = packed.lab.position
    assert await packed.lab.sessions() == ()
    assert (await packed.hand.leave(A)).error == ""
    assert {event.kind for event in await _seen(packed.lab, at)} <= {EventKind.CLOSE}
    assert packed.hand.process.alive


async def test_one_that_was_replaced_leaves_without_ending_the_starts(
    stage: Stage, zygote: Zygote
) -> None:
    """The library has ended that connection by itself, so no call is needed."""
    async with forked(zygote) as hand:
        await hand.tell(stage.connect(A))
        await hand.wait_for(ev.Connected, instance=A)
        await stage.lab.trouble(TroubleKind.CONFLICT, stage.jid(A))
        await hand.wait_for(ev.StreamReplaced, instance=A)
        assert (await hand.leave(A)).error == ""
        await hand.tell(stage.connect(B))
        await hand.wait_for(ev.Connected, instance=B)


async def test_a_first_dial_that_hangs_holds_back_all_calls_until_it_ends(
    stage: Stage, zygote: Zygote
) -> None:
    async with _dialling(stage, zygote) as (packed, relay):
        hand = packed.hand
        leaving, probing = await hand.start_leave(C), await hand.start_probe(A)
        # Commands are taken in their order.
        assert "does not hold" in (await hand.probe("nobody")).error
        assert not _is_answered(hand, leaving) and not _is_answered(hand, probing)
        relay.drop()
        for name, request in ((C, leaving), (A, probing)):
            answered = await hand.answer(request)
            assert (answered.instance, answered.error) == (name, "")
        at = stage.lab.position
        relay.release()
        await packed.dropped_and_back(A, B)
        assert packed.events_since(C, await _seen(stage.lab, at)) == []
        assert hand.events_of(C) == []


async def test_what_leaves_during_its_first_dial_is_let_go_when_the_dial_has_come(
    stage: Stage, zygote: Zygote
) -> None:
    async with _dialling(stage, zygote) as (packed, relay):
        at = stage.lab.position
        leaving = await packed.hand.start_leave(C)
        relay.release()
        assert (await packed.hand.answer(leaving)).error == ""
        await stage.lab_event(C, EventKind.CLOSE, at)
        await packed.dropped_and_back(A, B)
        assert stage.jid(C) not in {session.jid for session in await stage.lab.sessions()}
        assert packed.hand.events_of(C) == []


@pytest.mark.soak
async def test_a_leave_is_not_answered_for_as_long_as_the_first_dial_hangs(
    stage: Stage, zygote: Zygote
) -> None:
    async with _dialling(stage, zygote) as (packed, _):
        leaving = await packed.hand.start_leave(C)
        await packed.probe_all(A, B)
        assert not _is_answered(packed.hand, leaving)


async def test_a_path_that_the_system_refuses_is_one_instances_trouble(
    stage: Stage, zygote: Zygote
) -> None:
    async with forked(zygote) as hand:
        await hand.tell(stage.connect(A))
        too_long = f"/tmp/{'x' * 300}.db"
        await hand.tell(Connect(B, too_long, stage.jid(B), "http://127.0.0.1:1", alone=False))
        await hand.wait_for(ev.SessionBroken, instance=B)
        await hand.wait_for(ev.Connected, instance=A)
        assert (await hand.probe(A)).error == ""


@pytest.mark.soak
async def test_a_first_dial_that_hangs_for_good_holds_back_calls_for_a_while_only(
    stage: Stage, zygote: Zygote
) -> None:
    async with _dialling(stage, zygote) as (packed, relay):
        await packed.probe_all(A, B)
        assert packed.hand.events_of(C) == []
        position = packed.hand.position
        relay.drop()
        await packed.hand.wait_for(ev.DialFailed, position, instance=C)


@pytest.mark.parametrize("comes_through", [True, False], ids=["succeeds", "fails"])
async def test_a_leave_while_a_redial_hangs_blocks_nobody(
    stage: Stage, zygote: Zygote, comes_through: bool
) -> None:
    async with _relay(stage) as relay, forked(zygote) as hand:
        packed = await _pack(stage, hand, **{B: relay.proxy})
        relay.hold()
        position = hand.position
        relay.drop()
        await hand.wait_for(ev.Disconnected, position, instance=B)
        await relay.wait_held()
        leaving = await hand.start_leave(B)
        await packed.probe_all(A, C)
        assert not _is_answered(hand, leaving)
        at = stage.lab.position
        if comes_through:
            relay.release()
        else:
            relay.drop()
        left = await hand.answer(leaving)
        assert (left.instance, left.error) == (B, "")
        relay.release()

        await packed.dropped_and_back(A, C)
        await packed.probe_all(A, C)
        online = {session.jid for session in await stage.lab.sessions()}
        assert online == {packed.jid(A), packed.jid(C)}
        since = packed.events_since(B, await _seen(stage.lab, at))
        # The server may read a login that was sent before the connection was closed.
        assert since.count(EventKind.LOGIN) <= int(comes_through)
        assert hand.events_of(B, position) == [ev.Disconnected()]


@asynccontextmanager
async def _dialling(stage: Stage, zygote: Zygote) -> AsyncIterator[tuple[Packed, Relay]]:
    """A worker in which the last one's first dial hangs."""
    async with _relay(stage) as relay, forked(zygote) as hand:
        relay.hold()
        for name in (A, B):
            await hand.tell(stage.connect(name))
        await hand.tell(stage.connect(C, relay.proxy))
        for name in (A, B):
            await hand.wait_for(ev.Connected, instance=name)
        await relay.wait_held()
        yield Packed(stage.lab, stage.phones, stage.sessions, stage.folder, hand), relay


@asynccontextmanager
async def _relay(stage: Stage) -> AsyncIterator[Relay]:
    proxy = LabFile.parse(stage.lab.file.read_text()).proxy
    assert proxy is not None
    async with Relay(proxy).serving() as relay:
        yield relay


async def _seen(lab: Lab, position: int) -> list[LabEvent]:
    """What has happened in the lab from a position on, up to now."""
    await lab.counters()
    seen: list[LabEvent] = []
    if lab.position > position:
        async for event in lab.events(position):
            seen.append(event)
            if len(seen) == lab.position - position:
                break
    return seen


def _spoil(session: Path) -> None:
    session.write_bytes(b"not a database" * 100)


def _is_answered(hand: Hand, request: int) -> bool:
    return any(isinstance(said, Answered) and said.request == request for said in hand.said)


def _notes(hand: Hand, text: str, name: str) -> list[Noted]:
    return [m for m in hand.said if isinstance(m, Noted) and m.instance == name and text in m.text]


async def _wait_note(hand: Hand, text: str, name: str) -> None:
    position = 0
    while not _notes(hand, text, name):
        noted = await hand.wait_for(Noted, position, instance=name)
        position = hand.said.index(noted) + 1
