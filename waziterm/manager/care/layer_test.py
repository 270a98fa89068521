"""The truth about one instance's connection, layer by layer; see `domain.care.layers`."""

import time
from collections.abc import Awaitable, Callable

from waziterm.domain.care.layers import Layer, LayerName, TestReport, Verdict
from waziterm.domain.fleet.api import FleetError, InstanceView, SendResult
from waziterm.domain.frozen import dataclass
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.details import WHEN_ITS_TURN, reason_phrase
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase, as_it_is
from waziterm.manager.care.route import WHATSAPP, Endpoint, Route, dns, route_of, safe, tcp, tls
from waziterm.worker import protocol as wire

_ONLINE = (State.CONNECTED, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class Connection:
    """What a test needs of an instance.

    proxy: its own proxy's URL, or None. lab: a local WhatsApp in use instead of the real one.
    view: how it stands now. probe: one light round trip; raises TimeoutError and FleetError.
    send: sends a text and waits for WhatsApp's acknowledgement; raises FleetError. None where
        nobody asked for a message.
    """

    instance: str
    proxy: str | None
    lab: LabFile | None
    view: Callable[[], InstanceView]
    probe: Callable[[], Awaitable[wire.Answered]]
    send: Callable[[], Awaitable[SendResult]] | None
    server: Endpoint = WHATSAPP


async def test_layers(connection: Connection) -> TestReport:
    """Test from the ground up, each layer within a time of its own; nothing is raised.

    The way to the server is tried anew, the session is tested as it is: where a new connection
    would fail, the one that is open may still do, and the report tells both.
    """
    route = route_of(connection.server, connection.proxy, connection.lab)
    layers = await test_way(route)
    login = _login(connection.view())
    layers.append(login)
    query = await _query(connection) if _holds(login) else _not_connected(LayerName.QUERY)
    layers.append(query)
    if connection.send is None:
        layers.append(
            Layer(LayerName.SEND, Verdict.SKIPPED, None, Phrase("no message was asked for"))
        )
    elif _holds(query):
        layers.append(await _send(connection, connection.send))
    elif _holds(login):
        layers.append(_skipped(LayerName.SEND, layers))
    else:
        layers.append(_not_connected(LayerName.SEND))
    return TestReport(connection.instance, tuple(layers))


async def test_way(route: Route) -> list[Layer]:
    """Test the way to the server alone, up to its certificate; nothing is raised."""
    layers: list[Layer] = []
    for name, reached in ((LayerName.DNS, dns), (LayerName.TCP, tcp), (LayerName.TLS, tls)):
        below = layers[-1] if layers else None
        layers.append(await reached(route) if _holds(below) else _skipped(name, layers))
    return layers


test_way.__test__ = False  # type: ignore[attr-defined]  # as below
test_layers.__test__ = False  # type: ignore[attr-defined]  # pytest takes its name for a test's


def _login(view: InstanceView) -> Layer:
    """Whether WhatsApp has let the instance in; if not, why, and what comes next."""
    if view.state is State.CONNECTED:
        said = Phrase("logged in as {jid}", jid=str(view.jid))
        return Layer(LayerName.LOGIN, Verdict.OK, None, said)
    reason = view.reason
    why = reason_phrase(reason, view.detail)
    said = safe(Phrase("{state}: {why}", state=Phrase(view.state.label), why=why))
    if view.state is State.DEGRADED:
        return Layer(LayerName.LOGIN, Verdict.OK, None, said)
    return Layer(LayerName.LOGIN, Verdict.FAILED, None, said, _next_step(view))


async def _query(connection: Connection) -> Layer:
    """Whether WhatsApp answers a light question."""
    name = LayerName.QUERY
    act = Phrase(
        "it reconnects by itself; `waziterm reconnect {name}` does it now",
        name=connection.instance,
    )
    started = time.monotonic()
    try:
        answered = await connection.probe()
    except TimeoutError:
        took_s = time.monotonic() - started
        said = Phrase("no answer within {count} s", count=round(took_s))
        return Layer(name, Verdict.FAILED, took_s, said, act)
    except FleetError as error:
        return _refused(name, connection, error, started)
    if answered.is_refused:
        said = safe(Phrase("WhatsApp answered with {error}", error=answered.error))
        act = Phrase("it reaches WhatsApp: wait, and see whether the number is well on the phone")
        return Layer(name, Verdict.FAILED, answered.took_s, said, act)
    if answered.error:
        said = safe(as_it_is(answered.error))
        return Layer(name, Verdict.FAILED, answered.took_s, said, act)
    return Layer(name, Verdict.OK, answered.took_s, Phrase("WhatsApp answered"))


async def _send(connection: Connection, send: Callable[[], Awaitable[SendResult]]) -> Layer:
    """Whether WhatsApp takes a message."""
    name = LayerName.SEND
    started = time.monotonic()
    try:
        result = await send()
    except FleetError as error:
        return _refused(name, connection, error, started)
    if result.ok:
        said = Phrase("WhatsApp acknowledged the message")
        return Layer(name, Verdict.OK, result.took_s, said)
    act = as_it_is(result.next_step)
    if not act:
        act = Phrase("see `waziterm logs {name}`, then reconnect it", name=connection.instance)
    return Layer(name, Verdict.FAILED, result.took_s, safe(as_it_is(result.error)), act)


def _refused(name: LayerName, connection: Connection, error: FleetError, started: float) -> Layer:
    """The connection went away while it was being tested, or the disk does not take the result."""
    view = connection.view()
    act = _next_step(view) if view.state not in _ONLINE else as_it_is(error.hint)
    said = safe(as_it_is(str(error)))
    return Layer(name, Verdict.FAILED, time.monotonic() - started, said, act)


def _next_step(view: InstanceView) -> Phrase:
    """What comes next by the instance's own account, which is its reason's word for it."""
    step = view.reason.next_step
    known = view.next_step in (step, WHEN_ITS_TURN)
    return Phrase(view.next_step) if known else as_it_is(view.next_step)


def _holds(layer: Layer | None) -> bool:
    return layer is None or layer.verdict is Verdict.OK


def _skipped(name: LayerName, before: list[Layer]) -> Layer:
    """A layer that cannot be tested because of the failure below it."""
    cause = next(each for each in reversed(before) if each.verdict is Verdict.FAILED)
    return Layer(
        name, Verdict.SKIPPED, None, Phrase("{layer} failed", layer=Phrase(cause.name.value))
    )


def _not_connected(name: LayerName) -> Layer:
    return Layer(name, Verdict.SKIPPED, None, Phrase("not connected"))
