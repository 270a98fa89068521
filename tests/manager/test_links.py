"""Links to the scan page: made, opened by one browser, ended; the link itself is nowhere."""

from pathlib import Path

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.test_supervising import JID, worker_of
from tests.manager.test_tokens import found_in
from tests.manager.world import BEGIN
from waziterm.config.settings import Settings
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import Wanted
from waziterm.domain.link_end import LinkEnd
from waziterm.domain.links import KeptLink, cookie_of, is_browser, is_nonce, new_nonce

URL = "https://scan.example"


def on_the_web(folder: Path, **changed: object) -> Settings:
    given = {"web__address": "8490", "web__public_url": URL} | changed
    return settings(folder, **given)  # type: ignore[arg-type]


@pytest.fixture
def host(host: Host, folder: Path) -> Host:
    host.settings = on_the_web(folder)
    rests = Instance("shop", BEGIN, since=BEGIN, wanted=Wanted.STOPPED)
    host.prepare(rests, Instance("linked", BEGIN, since=BEGIN, jid=JID, wanted=Wanted.STOPPED))
    host.open()
    return host


def made(host: Host, seconds: int = 600, name: str = "shop") -> str:
    """The token of a new link."""
    link = host.world.run(host.fleet.make_link(name, seconds))
    base, token = link.url.rsplit("/scan/", 1)
    assert base == URL and is_nonce(token) and link.instance == name
    assert link.expires_at == host.world.clock.now() + seconds
    assert token not in repr(link)
    return token


def found(host: Host, token: str) -> KeptLink | None:
    return host.world.run(host.fleet.links.find(token))


def ended(host: Host, token: str) -> LinkEnd | None:
    link = found(host, token)
    assert link is not None
    return link.ended


def test_what_is_kept_is_no_link(host: Host) -> None:
    token = made(host)
    link = found(host, token)
    assert link is not None and (link.ended, link.browser) == (None, "")
    assert found(host, new_nonce()) is None and found(host, "") is None
    cookie = cookie_of(token, new_nonce())
    assert host.world.run(host.fleet.links.bind(link, cookie))
    assert not host.world.run(host.fleet.links.bind(link, cookie_of(token, new_nonce())))
    assert host.world.run(host.fleet.links.bind(link, cookie)), "who pressed twice"
    link = found(host, token)
    assert link is not None and is_browser(link, cookie) and not is_browser(link, "")
    assert any("a link to the scan page" in line.text for line in host.fleet.tail("shop"))
    host.close()
    for secret in (token, cookie):
        assert found_in(host.root, secret) == []
    host.open()
    link = found(host, token)
    assert link is not None and is_browser(link, cookie) and link.ended is None


def test_a_new_one_ends_the_old_one_of_the_same_instance(host: Host) -> None:
    host.world.task(host.fleet.add("other")).result()
    first, others = made(host), made(host, name="other")
    second = made(host)
    assert ended(host, first) is LinkEnd.REPLACED
    assert ended(host, second) is None and ended(host, others) is None
    host.world.run(host.fleet.end_link("shop"))
    assert ended(host, second) is LinkEnd.WITHDRAWN
    with pytest.raises(FleetError, match="no link to the scan page leads to shop"):
        host.world.run(host.fleet.end_link("shop"))


def test_it_ends_when_its_instance_is_linked_and_stays_ended(host: Host) -> None:
    token = made(host)
    host.world.task(host.fleet.start("shop")).result()
    worker_of(host, "shop").say(ev.QrShown("payload", 1, 6, 20.0))
    host.world.settle()
    assert ended(host, token) is None
    worker_of(host, "shop").say(
        ev.PairSucceeded("639123456789:1@s.whatsapp.net", "1@lid", "android")
    )
    host.world.settle()
    assert host.view("shop").paired and ended(host, token) is LinkEnd.LINKED
    with pytest.raises(FleetError, match="shop is linked already") as refused:
        made(host)
    assert "clean it (c)" in str(refused.value.hint)
    host.world.task(host.fleet.clean("shop")).result()
    assert ended(host, token) is LinkEnd.LINKED
    assert ended(host, made(host)) is None


def test_it_ends_with_its_instance_and_does_not_come_back_with_it(host: Host) -> None:
    token = made(host)
    host.world.task(host.fleet.rename("shop", "pub")).result()
    assert ended(host, token) is None
    link = found(host, token)
    assert link is not None
    view = host.fleet.links.view(link)
    assert view is not None and view.name == "pub"
    host.world.task(host.fleet.remove("pub")).result()
    assert ended(host, token) is LinkEnd.REMOVED
    assert host.fleet.links.view(link) is None


def test_it_lasts_as_long_as_it_was_made_for_whatever_becomes_of_the_clock(host: Host) -> None:
    token = made(host, 600)
    for step in (86_400.0, -200_000.0, 3600.0):
        host.world.clock.set_by(step)
        host.world.pass_time(100.0)
        link = found(host, token)
        assert link is not None and link.ended is None, step
    assert link is not None and 299.0 <= host.fleet.links.left_s(link) <= 301.0
    host.close()
    host.open()
    host.world.pass_time(298.0)
    assert ended(host, token) is None
    host.world.pass_time(4.0)
    assert ended(host, token) is LinkEnd.EXPIRED
    rows = host.query("SELECT ended FROM links")
    assert [row["ended"] for row in rows] == ["expired"]


def test_a_clock_that_is_set_back_while_nothing_runs_prolongs_nothing(host: Host) -> None:
    token = made(host, 600)
    host.close()
    host.world.clock.set_by(-86_400.0)
    host.open()
    link = found(host, token)
    assert link is not None and 590.0 <= host.fleet.links.left_s(link) <= 600.0
    host.world.pass_time(601.0)
    assert ended(host, token) is LinkEnd.EXPIRED


@pytest.mark.parametrize(
    ("web", "said", "todo"),
    [
        ({"web__address": "", "web__public_url": ""}, "is not set up", "set address in the table"),
        (
            {"web__address": "0.0.0.0:8490", "web__public_url": URL},
            "other machines would reach",
            "set allow_remote",
        ),
        (
            {
                "web__address": "0.0.0.0:8490",
                "web__public_url": "",
                "web__allow_remote": "true",
                "web__behind_proxy": "true",
            },
            "a link to 0.0.0.0:8490 would lead nowhere",
            "set public_url",
        ),
    ],
)
def test_without_a_page_nobody_gets_a_link(
    host: Host, folder: Path, web: dict[str, object], said: str, todo: str
) -> None:
    host.close()
    host.settings = on_the_web(folder, **web)
    host.open()
    with pytest.raises(FleetError, match=said) as refused:
        made(host)
    assert todo in str(refused.value.hint)
    if web["web__address"]:
        findings = host.world.run(host.fleet.check())
        assert any(said in str(each.evidence) and each.subject == "web" for each in findings)


def test_of_whom_it_is_refused(host: Host) -> None:
    with pytest.raises(FleetError, match="linked is linked already"):
        made(host, name="linked")
    with pytest.raises(FleetError, match="no instance"):
        made(host, name="nobody")
