"""Health for machines: on the control socket, and alone over TCP."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.control.scripted import ScriptedFleet, connected_view, view
from waziterm import __version__
from waziterm.config import ConfigError, load_settings
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.version import Origin, UsedVersion
from waziterm.health.answers import serve_health
from waziterm.health.metrics import exposition

CONNECTED_AT = 1_767_225_600.0


@pytest.fixture
def fleet() -> ScriptedFleet:
    return ScriptedFleet(
        connected_view("shop-a", CONNECTED_AT),
        view("shop-b", state=State.COOLDOWN, reason=Reason.CONFLICT, jid="+62812••••4411"),
        view('evil"\n}name', state=State.HELD, reason=Reason.RIVAL),
        at=CONNECTED_AT + 60.0,
    )


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def web(fleet: ScriptedFleet, port: int) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serve_health(("127.0.0.1", port), lambda: fleet),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


def read(text: str) -> dict[tuple[str, ...], float]:
    """The samples of a scrape, each by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_health_and_readiness(web: aiohttp.ClientSession) -> None:
    async with web.get("/health") as answer:
        said = await answer.json()
        assert (answer.status, said["status"], said["version"]) == (200, "ok", __version__)
    async with web.get("/ready") as answer:
        assert answer.status == 200
        assert await answer.json() == {
            "status": "ready",
            "instances": {"connected": 1, "cooldown": 1, "held": 1},
        }


async def test_health_tells_of_an_upgrade_on_disk(fleet: ScriptedFleet, port: int) -> None:
    upgraded = False
    async with (
        serve_health(("127.0.0.1", port), lambda: fleet, lambda: upgraded),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
    ):
        for upgraded in (False, True):
            async with web.get("/health") as answer:
                assert answer.status == 200
                assert (await answer.json())["upgraded"] is upgraded


async def test_metrics(web: aiohttp.ClientSession) -> None:
    async with web.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = await answer.text()
    found = read(text)
    assert found["waziterm_instances", "connected"] == 1
    assert found["waziterm_instances", "held"] == 1
    assert found["waziterm_instances", "banned"] == 0
    assert found[("waziterm_connect_attempts_total",)] == 4
    assert found[("waziterm_connect_attempts_ok_total",)] == 3
    assert found["waziterm_connected", "shop-a"] == 1
    assert found["waziterm_connected", "shop-b"] == 0
    assert found["waziterm_conflict", "shop-b"] == 1
    assert found["waziterm_conflict", 'evil"\n}name'] == 1
    assert found["waziterm_conflict", "shop-a"] == 0
    assert found["waziterm_uptime_seconds", "shop-a"] == 60.0
    assert found["waziterm_probe_seconds", "shop-a"] == 0.08
    assert found["waziterm_sends_total", "shop-a"] == 3
    assert ("waziterm_probe_seconds", "shop-b") not in found
    assert found[("process_resident_memory_bytes",)] > 0
    assert "4411" not in text


async def test_before_the_fleet_is_up(port: int) -> None:
    async with (
        serve_health(("127.0.0.1", port), lambda: None),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
    ):
        async with web.get("/health") as answer:
            assert answer.status == 200
        async with web.get("/ready") as answer:
            assert (answer.status, await answer.json()) == (503, {"status": "starting"})
        async with web.get("/metrics") as answer:
            found = read(await answer.text())
            assert ("process_resident_memory_bytes",) in found
            assert not any(name[0].startswith("waziterm") for name in found)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1"),
        ("GET", "/v1/fleet"),
        ("GET", "/v1/stream"),
        ("POST", "/v1/instances/shop-a/stop"),
        ("POST", "/v1/clean-all"),
        ("GET", "/"),
    ],
)
async def test_no_command_over_tcp(
    web: aiohttp.ClientSession, fleet: ScriptedFleet, method: str, path: str
) -> None:
    async with web.request(method, path) as answer:
        assert answer.status == 404
    assert fleet.calls == []


async def test_the_same_three_on_the_control_socket(socket_path: Path) -> None:
    connector = aiohttp.UnixConnector(path=str(socket_path))
    async with aiohttp.ClientSession("http://waziterm", connector=connector) as web:
        for path in ("/health", "/ready", "/metrics"):
            async with web.get(path) as answer:
                assert answer.status == 200


async def test_a_port_in_use_is_one_clear_line(
    web: aiohttp.ClientSession, fleet: ScriptedFleet, port: int
) -> None:
    with pytest.raises(FleetError) as caught:
        async with serve_health(("127.0.0.1", port), lambda: fleet):
            pytest.fail("the port is taken")
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1 port {port} for health: Address already in use"
    )
    assert "[health]" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('"127.0.0.1:9464"', ("127.0.0.1", 9464)),
        ('"9464"', ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
        ('"0.0.0.0:1"', ("0.0.0.0", 1)),
        ('"[::1]:9464"', ("::1", 9464)),
        ('"box.example:9464"', ("box.example", 9464)),
        ('""', None),
    ],
)
def test_an_address_in_the_config(
    tmp_path: Path, text: str, address: tuple[str, int] | None
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[health]\naddress = {text}\n")
    assert load_settings(environ={}, file=file).health.address == address
    variable = {"WAZITERM_HEALTH__ADDRESS": text.strip('"')}
    file.write_text("")
    assert load_settings(environ=variable, file=file).health.address == address


@pytest.mark.parametrize("text", ['"x"', '":9464"', '"host:0"', '"host:65536"', "true", "-1"])
def test_a_wrong_address_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[health]\naddress = {text}\n")
    with pytest.raises(ConfigError, match=r"health\.address: must be \"HOST:PORT\" or a port"):
        load_settings(environ={}, file=file)


async def test_a_host_that_does_not_exist_is_one_clear_line(fleet: ScriptedFleet) -> None:
    with pytest.raises(FleetError, match="cannot listen on"):
        async with serve_health(("no-such-host.invalid", 9464), lambda: fleet):
            pytest.fail("there is no such host")


def test_the_metrics_of_the_version(fleet: ScriptedFleet) -> None:
    at = CONNECTED_AT + 60.0
    version = UsedVersion(1047769893, Origin.READ, at - 86_400.0)
    text = exposition(replace(fleet.snapshot(), at=at, version=version)).decode()
    found = {
        sample.name.removeprefix("waziterm_whatsapp_version_"): (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "whatsapp_version" in sample.name
    }
    assert found == {
        "info": ({"number": "2.3000.1047769893", "origin": "read"}, 1.0),
        "age_seconds": ({}, 86_400.0),
        "refusals_from_timestamp_seconds": ({}, version.refusals_from),
    }
