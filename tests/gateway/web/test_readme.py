"""README's chapter of the scan page: its settings are read, its proxies do what the page needs."""

import asyncio
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from tests.gateway.api.scripted import HOST, free_port
from tests.gateway.web.browser import Browser, token_of
from tests.gateway.web.test_hostile import serving
from waziterm.config import load_settings
from waziterm.domain.link_end import LinkEnd
from waziterm.lab.client import Lab
from waziterm.manager.manager import SessionManager

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
CHAPTER = README.split("\n## A scan from far away\n")[1].split("\n## ")[0]


def block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.+?)```", CHAPTER, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_settings_are_those_of_a_page_behind_a_proxy(folder: Path) -> None:
    file = folder / "config.toml"
    file.write_text(block("toml"))
    settings = load_settings(environ={}, data_dir=folder / "data", file=file)
    assert settings.silent == () and settings.web.behind_proxy
    assert settings.web.begins_with == "https://scan.example"
    for proxy in ("nginx", "caddy"):
        assert str(settings.web.address) in block(proxy)


def test_every_end_of_a_link_is_told() -> None:
    words = {
        LinkEnd.LINKED: "when the instance is linked",
        LinkEnd.EXPIRED: "when its time is over",
        LinkEnd.REPLACED: "with the next link",
        LinkEnd.WITHDRAWN: "--unlink",
        LinkEnd.REMOVED: "when the instance is removed",
    }
    assert set(words) == set(LinkEnd)
    assert all(each in " ".join(CHAPTER.split()) for each in words.values())


def test_a_proxy_buffers_nothing_and_says_who_asks() -> None:
    nginx = block("nginx")
    for needed in (
        "proxy_buffering off;",
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "access_log off;",
    ):
        assert needed in nginx
    assert "flush_interval -1" in block("caddy")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="this machine has no nginx")
async def test_through_nginx(lab: Lab, folder: Path) -> None:
    async with serving(
        folder, lab, public_url="https://scan.example", behind_proxy="true"
    ) as served:
        port = free_port()
        lines = block("nginx").replace("127.0.0.1:8490", f"{HOST}:{served.port}")
        kept = folder / "nginx"
        kept.mkdir()
        folders = " ".join(
            f"{name}_temp_path {kept}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (kept / "nginx.conf").write_text(
            f"daemon off; pid {kept}/pid; error_log {kept}/error.log; events {{}}\n"
            f"http {{ {folders} server {{ listen {HOST}:{port}; server_name scan.example;\n"
            f"{lines} }} }}\n"
        )
        process = await asyncio.create_subprocess_exec(
            *("nginx", "-p", str(kept), "-c", str(kept / "nginx.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await through(served.fleet, f"http://{HOST}:{port}")
        finally:
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()
        assert "/scan/" not in (kept / "error.log").read_text()


async def through(fleet: SessionManager, base: str) -> None:
    """A browser before a proxy, from the button to the end of the link."""
    link = await fleet.make_link("shop", 600)
    url = f"{base}/scan/{token_of(link.url)}"
    host = {"Host": "scan.example"}
    async with Browser() as browser:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    door = await browser.get(url, **host)
                    break
                await asyncio.sleep(0.1)
        assert door.title == "Link your WhatsApp" and door.button is not None
        answer = await browser.ask(
            "POST",
            door.button[0],
            data=door.button[1],
            headers=host | {"Origin": "https://scan.example"},
            allow_redirects=False,
        )
        assert answer.status == 303
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        async with browser.following(url, **host, **cookie) as stream:
            assert await stream.next() is not None
            await fleet.end_link("shop")
            told = await stream.next()
            while told is not None and told.title != "This link leads nowhere":
                told = await stream.next()
            assert told is not None
    said = [line.text for line in fleet.tail("shop")]
    assert f"the link to the scan page was opened from {HOST}" in said
