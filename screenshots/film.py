"""The moving picture: another client takes a session, is named, and a person takes it back.

The screen is the real program's, in true time; what it shows is staged, see `stage.py`. `film`
writes the bytes that the program sent its terminal (`conflict.cast`), and a picture of them that a
page can show (`conflict.gif`), with a line below that says what happens.
"""

import codecs
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from screenshots import week
from screenshots.camera import Camera, camera
from screenshots.cast import Cast, Event, Kind
from screenshots.render import HIGH, Picture, font
from screenshots.stage import Stage, staged

if TYPE_CHECKING:
    from PIL import Image

COLUMNS, ROWS = 120, 30
LASTS_S, FRAME_S, TICK_S = 20.0, 0.1, 0.05
TITLE = "waziterm: a staged fleet of 50 numbers, the real program, in true time"
COLOURS = 96


@dataclass(frozen=True, slots=True)
class Act:
    """At a moment, seconds since the begin, a key is pressed or something is done; says: what a
    viewer reads of it, "" where that goes on."""

    at: float
    says: str = ""
    key: str = ""
    does: Callable[[Stage], None] = lambda _stage: None


ACTS = (
    Act(0.0, "50 numbers on one box, each with its last 24 hours"),
    Act(3.0, "440: another client takes shop-medan's session", does=lambda s: s.take(week.TAKEN)),
    Act(5.0, "held, so that nothing gets worse; who has it is named, telegram is told"),
    Act(7.0, key="home"),
    Act(9.0, "kill 812, in another shell …", does=lambda s: s.freed()),
    Act(10.5, "… and r: take it back", key="r"),
    Act(12.5, "green again"),
    Act(14.0, "what happened, and who was told of it", key="4"),
    Act(17.0, "which of my 50 numbers is down, who took it, what happens next", key="1"),
)


def film(folder: Path) -> tuple[Path, Path]:
    """Make the moving picture. Returns the recording and the picture."""
    with staged(week.NOW, troubled=False) as stage, camera(stage, COLUMNS, ROWS) as seen:
        seen.wait(lambda text: "24 h up" in text and "DROPS 7 d" in text, "wall")
        seen.picture()
        cast = Cast(COLUMNS, ROWS, TITLE, LASTS_S, tuple(_recorded(stage, seen)))
    recording, picture = folder / "conflict.cast", folder / "conflict.gif"
    cast.write(recording)
    animate(cast, picture)
    return recording, picture


def _recorded(stage: Stage, seen: Camera) -> Iterator[Event]:
    """Play the acts, and tell of what the program writes meanwhile."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    acts, read, began = list(ACTS), 0, time.monotonic()
    for tick in range(round(LASTS_S / TICK_S) + 1):
        at = tick * TICK_S
        while acts and acts[0].at <= at:
            act = acts.pop(0)
            act.does(stage)
            if act.says:
                yield Event(at, Kind.MARKER, act.says)
            if act.key:
                yield Event(at, Kind.INPUT, act.key)
                seen.send(act.key)
        output = seen.output
        if text := decoder.decode(output[read:]):
            yield Event(at, Kind.OUTPUT, text)
        read = len(output)
        while time.monotonic() < began + at + TICK_S:
            seen.tick()
        stage.let_pass(TICK_S)


def animate(cast: Cast, path: Path) -> None:
    """Write a recording as an animated GIF that begins anew at its end."""
    from PIL import Image  # noqa: PLC0415 - a test of recordings needs none

    frames = list(_frames(cast))
    ends = [at for at, _ in frames[1:]] + [cast.lasts_s]
    lasting = [round((end - at) * 1000) for (at, _), end in zip(frames, ends, strict=True)]
    # All frames have the same colours, so that what stays the same is not written again.
    chosen = frames[:: max(1, len(frames) // 12)]
    wide, high = frames[0][1].size
    all_shades = Image.new("RGB", (wide, high * len(chosen)))
    for place, (_, image) in enumerate(chosen):
        all_shades.paste(image, (0, place * high))
    colours = all_shades.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few = [image.quantize(palette=colours, dither=Image.Dither.NONE) for _, image in frames]
    few[0].save(path, save_all=True, append_images=few[1:], duration=lasting, loop=0, optimize=True)


def _frames(cast: Cast) -> "Iterator[tuple[float, Image.Image]]":
    """The pictures of a recording that differ, at most ten a second, with their moments."""
    said, shown = "", None
    ends = [*cast.events[1:], Event(cast.lasts_s + FRAME_S, Kind.OUTPUT, "")]
    for (event, screen), after in zip(cast.screens(), ends, strict=True):
        if event.kind is Kind.MARKER:
            said = event.text
        if int(after.at / FRAME_S + 0.01) == int(event.at / FRAME_S + 0.01):
            continue
        now = (Picture.of(screen), said)
        if now != shown:
            shown = now
            yield int(event.at / FRAME_S + 0.01) * FRAME_S, _captioned(*now)


def _captioned(picture: Picture, said: str) -> "Image.Image":
    """The screen with a line below it."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - as above

    screen = picture.image(1)
    image = Image.new("RGB", (screen.width, screen.height + 2 * HIGH), "#1f2630")
    image.paste(screen)
    place = (image.width // 2, screen.height + HIGH)
    ImageDraw.Draw(image).text(place, said, "#ffffff", font(True, 18), anchor="mm")
    return image
