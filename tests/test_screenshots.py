"""The pictures that README shows: they are there, the moving one is a sound recording that ends
well, and none of them tells of the machine that made it or holds a code."""

import getpass
import re
import socket
from pathlib import Path

import pytest

from screenshots.cast import Cast, Event, Kind
from screenshots.make import SCENES
from tests.tui.scripted import FAKE_QR

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "screenshots"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"!\[[^\]]+\]\(screenshots/([^)]+)\)", README)
TEXTS = sorted([*FOLDER.glob("*.svg"), FOLDER / "conflict.cast"])
MOVING_BYTES = 2_000_000
_TEXT_OF_SVG = re.compile(r"<text [^>]*>([^<]*)</text>")


def test_readme_shows_each_picture_once_and_the_moving_one_first() -> None:
    assert sorted(SHOWN) == sorted([*(f"{name}.png" for name in SCENES), "conflict.gif"])
    assert SHOWN[0] == "conflict.gif"
    made = {path.name for path in FOLDER.iterdir() if path.suffix in (".png", ".svg", ".gif")}
    assert made == {*SHOWN, *(f"{name}.svg" for name in SCENES)}
    assert (FOLDER / "conflict.gif").stat().st_size < MOVING_BYTES


def test_readme_says_how_they_are_made_and_that_they_are_staged() -> None:
    assert "`make screenshots`" in README
    assert "staged" in README.split("## Start")[0]


def test_the_recording_shows_a_conflict_from_its_begin_to_its_good_end() -> None:
    cast = Cast.read(FOLDER / "conflict.cast")
    assert 15 <= cast.lasts_s <= 25
    assert 15 <= cast.events[-1].at <= cast.lasts_s
    seen = [
        "\n".join(screen.display) for event, screen in cast.screens() if event.kind is Kind.OUTPUT
    ]
    first, last = seen[0], seen[-1]
    assert "50 connected" in first
    assert any("held" in text and "pid 812: node" in text for text in seen)
    assert any("told: telegram" in text for text in seen)
    assert "50 connected" in last
    assert "held" not in last
    assert not any("LAB" in text for text in seen)
    assert "r" in [event.text for event in cast.events if event.kind is Kind.INPUT]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_picture_tells_of_the_machine_that_made_it_or_holds_a_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".svg":
        # A picture has an element for each cell.
        text = "".join(_TEXT_OF_SVG.findall(text))
        assert "waziterm" in text or "held" in text or "instance" in text or "Restart" in text
    own = [each for each in (socket.gethostname(), getpass.getuser()) if len(each) > 4]
    for secret in (FAKE_QR, FAKE_QR[-24:], "/tmp/", "/home/", "/root/", *own):
        assert secret not in text


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    cast = Cast(80, 24, "a title", 1.0, (Event(0.5, Kind.OUTPUT, "\x1b[2J✖ held"),))
    cast.write(tmp_path / "one.cast")
    assert Cast.read(tmp_path / "one.cast") == cast


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1, "width": 80, "height": 24}\n',
        '{"version": 2, "width": 80, "height": 24, "title": "", "duration": 1}\n[0, "x", "?"]\n',
        '{"version": 2, "width": 80, "height": 24, "title": "", "duration": 1}\n'
        '[1, "o", "a"]\n[0, "o", "b"]\n',
        '{"version": 2}\n',
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.cast"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"no asciicast|no event|no order|not a valid Kind"):
        Cast.read(path)
