"""Who pressed that: the real program, its own screen, an attached one and verbs."""

import os
import signal
import sys
from pathlib import Path

from tests.alerts.delivering import becomes
from tests.programs import headless, verb
from tests.terminal import Terminal
from waziterm.domain.fleet.audit import Via
from waziterm.lab.client import Lab
from waziterm.manager.people import myself


def screen(data: Path, *words: str) -> Terminal:
    command = [sys.executable, "-m", "waziterm", *words, "--data-dir", str(data)]
    return Terminal(command, columns=100, rows=30)


async def test_what_one_screen_leaves_the_next_one_shows_and_the_audit_tells_who(
    lab: Lab, folder: Path
) -> None:
    data, me = folder / "data", myself(Via.VERB)
    with screen(data, "--lab", str(lab.file)) as embedded:
        await embedded.until(lambda text: "? help" in text, what="the fleet")
        embedded.send("N")
        await embedded.until(lambda text: "Write a note" in text, what="the question")
        embedded.send(*"hello", "enter")
        await embedded.until(lambda text: ": hello (N)" in text, what="the answer")
        embedded.send("q")
        assert embedded.wait_exit() == 0
    async with headless(data, lab.file) as manager:
        with screen(data, "attach") as attached:
            shown = f"{me.who}, "
            await attached.until(lambda text: shown in text and ": hello (N)" in text, what="note")
            attached.send("N")
            await attached.until(lambda text: "dismiss them" in text, what="the question")
            attached.send("d")
            await attached.until(lambda text: "the notes are dismissed" in text, what="the answer")
            attached.send("q")
            assert attached.wait_exit() == 0
        assert (await manager.verb("stop", "nobody")).code == 2
        assert (await manager.verb("note", "--json")).json == []
        os.kill(manager.pid, signal.SIGHUP)

        async def is_kept() -> bool:
            return len((await manager.verb("audit", "--json")).json) == 4

        await becomes(is_kept)
    found = (await verb("audit", "--json", data_dir=data)).json
    assert [(each["via"], each["act"], each["result"]) for each in found] == [
        ("screen", "note", "done"),
        ("screen", "dismiss", "done"),
        ("verb", "stop", "refused"),
        ("signal", "reload", "done"),
    ]
    people = [(each["who"], each["uid"], each["login_uid"]) for each in found]
    assert people == [(me.who, me.uid, me.login_uid)] * 3 + [("", me.uid, None)]
    assert found[0]["args"] == {"text": "hello"}
    assert found[0]["tty"].startswith("pts/") and found[1]["tty"].startswith("pts/")
    assert found[0]["tty"] != found[2]["tty"]
