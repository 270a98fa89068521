"""`make screenshots`: pictures of the real program, as SVG and PNG, and a moving one, here.

The fleet in them is staged: `stage.py` says how. `make screenshots ARGS="wall film"` makes those
alone.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from screenshots import week
from screenshots.camera import Camera, camera
from screenshots.film import film
from screenshots.render import Picture
from screenshots.stage import Stage, staged

HERE = Path(__file__).parent
STAGED = "The fleet in these pictures is staged, see screenshots/stage.py: no real number is in it."


def main(wanted: list[str]) -> int:
    """Make the pictures, or those whose names are given."""
    print(STAGED)  # noqa: T201
    scenes = [each for each in SCENES if not wanted or each in wanted]
    if scenes:
        with staged(week.NOW, troubled=True) as stage:
            for name in scenes:
                for path in SCENES[name](stage).save(HERE, name):
                    print(path.name)  # noqa: T201
    if not wanted or "film" in wanted:
        for path in film(HERE):
            print(path.name)  # noqa: T201
    return 0


def _wall(stage: Stage) -> Picture:
    with camera(stage, 150, 36) as seen:
        seen.wait(_told, "wall")
        return seen.picture()


def _light(stage: Stage) -> Picture:
    with camera(stage, 120, 30, THEME="light") as seen:
        seen.wait(_told, "wall")
        return seen.picture()


def _ascii(stage: Stage) -> Picture:
    with camera(stage, 120, 24, ASCII="on") as seen:
        seen.wait(_told, "wall")
        return seen.picture()


def _list(stage: Stage) -> Picture:
    with camera(stage, 160, 42) as seen:
        _worse(seen)
        return seen.picture()


def _wide(stage: Stage) -> Picture:
    with camera(stage, 220, 44) as seen:
        _worse(seen)
        seen.wait(lambda text: "log of all" in text, "log of all")
        return seen.picture()


def _worse(seen: Camera) -> None:
    seen.wait(_told, "wall")
    seen.press("2", see="WHY")
    seen.press(*["j"] * 5, see="proxy: shop-solo")
    seen.wait(
        lambda text: "not connected: when" in text and "MB" in text, "its week and its worker"
    )


def _held(stage: Stage) -> Picture:
    with camera(stage, 120, 34) as seen:
        seen.wait(_told, "wall")
        seen.press("home", "enter", see="stop it, then take over")
        seen.wait(lambda text: "back in" in text and "p50" in text, "its week")
        return seen.picture()


def _edit(stage: Stage) -> Picture:
    with camera(stage, 120, 30) as seen:
        seen.wait(_told, "wall")
        seen.press("2", see="WHY")
        seen.press(*["j"] * 5, "e", see="enter set it")
        return seen.picture()


def _trash(stage: Stage) -> Picture:
    with camera(stage, 120, 16) as seen:
        seen.wait(_told, "wall")
        seen.press("6", see="until Sat 11 Apr")
        return seen.picture()


def _log(stage: Stage) -> Picture:
    with camera(stage, 120, 30) as seen:
        seen.wait(_told, "wall")
        seen.press("L", see="log of all")
        seen.press("/", *"took", "enter", see="/took ")
        return seen.picture()


def _incidents(stage: Stage) -> Picture:
    with camera(stage, 150, 20) as seen:
        seen.wait(_told, "wall")
        seen.press("4", see="told: telegram")
        return seen.picture()


def _check(stage: Stage) -> Picture:
    with camera(stage, 120, 32) as seen:
        seen.wait(_told, "wall")
        seen.press("K", see="end that program")
        return seen.picture()


def _pairing(stage: Stage) -> Picture:
    with camera(stage, 120, 36) as seen:
        seen.wait(_told, "wall")
        stage.do(stage.fleet.add("shop-new"))
        stage.let_pass(2.0)
        seen.press("5", see="shop-new")
        seen.wait(lambda text: "1 of 6" in text, "code")
        picture = seen.picture()
    stage.do(stage.fleet.remove("shop-new"))
    return picture


def _restart(stage: Stage) -> Picture:
    with camera(stage, 120, 36) as seen:
        seen.wait(_told, "wall")
        seen.press("R", see="Restart the fleet?")
        seen.send("y")
        seen.wait(lambda text: "not back: shop-pune" in text, "end of the restart", 0.25)
        return seen.picture()


def _told(text: str) -> bool:
    """Whether the week is on the screen, which comes a moment after the states."""
    return "24 h up" in text or "▁▁▁" in text


SCENES: dict[str, Callable[[Stage], Picture]] = {
    "wall": _wall,
    "list": _list,
    "wide": _wide,
    "held": _held,
    "incidents": _incidents,
    "log": _log,
    "edit": _edit,
    "trash": _trash,
    "light": _light,
    "ascii": _ascii,
    "check": _check,
    "pairing": _pairing,
    "restart": _restart,
}
"""By name, in the order in which they are taken: the last ones change the fleet."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
