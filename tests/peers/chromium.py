"""A headless Chromium, asked over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
DEADLINE_S = 30.0
Json = dict[str, Any]


class Tab:
    """One tab. said: what its console told, errors and refusals of the policy among it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self.said: list[str] = []

    async def read(self) -> None:
        """Take what the browser tells, until cancelled."""
        async for line in self._socket:
            told = json.loads(line)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Log.entryAdded":
                entry = told["params"]["entry"]
                self.said.append(f"{entry['level']}: {entry['text']}")
            elif told["method"] == "Runtime.exceptionThrown":
                self.said.append(str(told["params"]["exceptionDetails"]))

    async def ask(self, method: str, **params: Any) -> Json:
        """Carry out a command of the protocol; its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(DEADLINE_S):
            told = await answer
        assert "error" not in told, (method, told)
        result: Json = told["result"]
        return result

    async def run(self, script: str) -> Any:
        """What an expression of JavaScript is on the page."""
        told = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return told["result"].get("value")

    async def go(self, url: str) -> None:
        """Type an address."""
        await self.ask("Page.navigate", url=url)

    async def click(self, selector: str) -> None:
        """Click what a CSS selector finds, as a mouse does."""
        place = await self.until(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " if (!found) return null; found.scrollIntoView({block: 'center'});"
            " const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    async def until(self, script: str) -> Any:
        """Wait until an expression is something; that. It also works where no script runs."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(AssertionError):
                    if value := await self.run(script):
                        return value
                await asyncio.sleep(0.1)

    async def shows(self, title: str) -> None:
        """Wait for a heading."""
        heading = "(document.querySelector('h1') || {}).textContent"
        try:
            await self.until(f"{heading} === {json.dumps(title)}")
        except TimeoutError:
            raise AssertionError(f"{title!r} never came, but {await self.run(heading)!r}") from None

    async def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Be a screen of another size, in CSS pixels."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    async def picture(self) -> bytes:
        """What is seen, as a PNG. A tab behind another one is not painted."""
        await self.ask("Page.bringToFront")
        return base64.b64decode((await self.ask("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator["Browser"]:
    """One with a profile of its own below a folder."""
    assert PROGRAM is not None
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = profile / "DevToolsActivePort"
        async with asyncio.timeout(DEADLINE_S):
            while not await asyncio.to_thread(port.exists):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        number, path = (await asyncio.to_thread(port.read_text)).splitlines()
        yield Browser(f"ws://127.0.0.1:{number}", path)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class Browser:
    """Opens tabs."""

    def __init__(self, address: str, path: str) -> None:
        self._address = address
        self._path = path

    @asynccontextmanager
    async def tab(self, lang: str = "") -> AsyncIterator[Tab]:
        """A new tab. lang: what it says its reader wants, "" for its own."""
        async with connect(self._address + self._path, max_size=None) as socket:
            whole = Tab(socket)
            reading = asyncio.create_task(whole.read())
            made = await whole.ask("Target.createTarget", url="about:blank")
            reading.cancel()
        async with connect(
            f"{self._address}/devtools/page/{made['targetId']}", max_size=None
        ) as socket:
            tab = Tab(socket)
            reading = asyncio.create_task(tab.read())
            for domain in ("Page", "Runtime", "Log", "Network"):
                await tab.ask(f"{domain}.enable")
            if lang:
                agent = (await tab.run("navigator.userAgent")) or ""
                await tab.ask(
                    "Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=lang
                )
            try:
                yield tab
            finally:
                reading.cancel()
