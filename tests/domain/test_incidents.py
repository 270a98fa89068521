"""Incidents: one cause is told once, however many it meets."""

from dataclasses import replace

import pytest

from waziterm.domain.care.findings import Severity
from waziterm.domain.fleet.history import IncidentView
from waziterm.domain.incidents.incident import belongs, grown, is_trouble
from waziterm.domain.incidents.kinds import IncidentKind
from waziterm.domain.lifecycle.causes import plain_cause
from waziterm.domain.lifecycle.details import proxy_detail
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State


def gone(number: int) -> Instance:
    return Instance(
        f"shop-{number}",
        created_at=0.0,
        id=f"shop-{number}",
        state=State.LOGGED_OUT,
        reason=Reason.UNLINKED,
    )


def dropped(number: int) -> Instance:
    return replace(gone(number), state=State.RETRYING, reason=Reason.DROPPED)


def test_eight_of_ten_within_a_minute_are_one_incident() -> None:
    incident = grown(None, gone(0), 100.0, fleet=10, causes={})
    assert incident.who == "shop-0" and incident.is_told
    for number in range(1, 8):
        incident = grown(incident, gone(number), 100.0 + number * 7, fleet=10, causes={})
    assert incident.who == "8 of 10" and "(401)" in incident.what
    assert incident.began_at == 100.0


def test_the_same_reason_later_is_another_incident() -> None:
    first = grown(None, gone(0), 100.0, fleet=10, causes={})
    later = grown(first, gone(1), 161.0, fleet=10, causes={})
    assert later.names == ("shop-1",) and later.began_at == 161.0


def test_what_passes_by_itself_is_told_only_when_it_meets_several() -> None:
    incident = grown(None, dropped(0), 0.0, fleet=10, causes={})
    assert not incident.is_told
    for number in (1, 2):
        incident = grown(incident, dropped(number), 1.0, fleet=10, causes={})
    assert incident.is_told and incident.who == "3 of 10"


def test_f18_an_outage_of_several_has_the_latest_cause_in_which_they_agree() -> None:
    """It kept the first: reset by peer, while all three were refused by then."""
    incident = None
    for number in range(3):
        one = replace(dropped(number), detail="reset by peer", down_since=100.0)
        incident = grown(incident, one, 100.0, fleet=3, causes={})
    assert incident is not None
    causes = {f"shop-{number}": Reason.DROPPED for number in range(3)}
    told = []
    for number in range(3):
        one = replace(dropped(number), reason=Reason.DIAL_FAILED, down_since=100.0)
        refused = replace(one, detail="connection refused")
        causes[one.id] = Reason.DIAL_FAILED
        incident = grown(incident, refused, 110.0 + number, fleet=3, causes=causes)
        told.append((incident.reason, incident.detail))
    first = (Reason.DROPPED, "reset by peer")
    assert told == [first, first, (Reason.DIAL_FAILED, "connection refused")]
    assert incident.began_at == 100.0 and incident.who == "3 of 3"
    bare = replace(one, reason=Reason.CONNECT_TIMEOUT, detail="")
    causes = dict.fromkeys(causes, Reason.CONNECT_TIMEOUT)
    assert grown(incident, bare, 120.0, fleet=3, causes=causes).detail == ""


def test_a_proxy_is_named_once_and_tells_its_incidents_from_another_s() -> None:
    """It read "proxy id-7…: the proxy id-7… does not answer"."""
    place = "id-7.proxy.example:1080"
    said = f"socks connect tcp {place}->web.whatsapp.com:443: dial tcp: i/o timeout"
    detail = proxy_detail(place, plain_cause(said))
    assert detail == f"the proxy {place} does not answer"
    assert (
        proxy_detail(place, "the TLS handshake failed")
        == f"proxy {place}: the TLS handshake failed"
    )
    one = replace(
        dropped(0), reason=Reason.PROXY_FAILED, detail=detail, proxy=f"socks5://user:secret@{place}"
    )
    incident = grown(None, one, 100.0, fleet=10, causes={})
    assert belongs(incident, one, 110.0)
    for other in (f"socks5://{place}0", f"socks5://x{place}", "socks5://10.1.1.1:1080"):
        assert not belongs(incident, replace(one, proxy=other), 110.0)


def test_trouble_is_a_new_state_or_a_new_reason() -> None:
    online = Instance(
        "shop", created_at=0.0, id="shop", state=State.CONNECTED, reason=Reason.ONLINE
    )
    cooling = replace(online, state=State.COOLDOWN, reason=Reason.CONFLICT)
    held = replace(online, state=State.HELD, reason=Reason.RIVAL)
    assert is_trouble(online, cooling) and is_trouble(cooling, held)
    assert not is_trouble(cooling, replace(cooling, detail="suspect: bot"))
    assert not is_trouble(held, online)
    assert not is_trouble(online, replace(online, state=State.STOPPED))


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.CONFLICT, "conflict"),
        (Reason.LOCAL_HOLDER, "conflict"),
        (Reason.TEMPORARY_BAN, "ban"),
        (Reason.UNLINKED, "logout"),
        (Reason.OUTDATED_CLIENT, "version"),
        (Reason.REFUSED, "refusal"),
        (Reason.DROPPED, "network"),
        (Reason.SESSION_MISSING, "session"),
        (Reason.CRASH_LOOP, "program"),
        (Reason.NEW, "other"),
    ],
)
def test_the_kind_of_an_incident_is_its_reason_s(reason: Reason, kind: str) -> None:
    assert IncidentView(reason, 1.0, 2.0, ("a",), 1).kind == kind


def test_every_reason_that_has_a_code_has_a_kind() -> None:
    pairing = {Reason.QR_EXPIRED, Reason.NO_MULTIDEVICE, Reason.PAIRED}
    without = {each for each in Reason if IncidentKind.of(each) is IncidentKind.OTHER}
    assert {each for each in without if each.code} == pairing


def test_what_passes_by_itself_is_a_warning() -> None:
    incident = IncidentView(Reason.CONFLICT, 1.0, 2.0, ("a",), 1)
    assert incident.severity is Severity.PROBLEM
    assert replace(incident, is_serious=False).severity is Severity.WARNING
