"""`make screenshots`: pictures of the real program on the lab, as SVG and PNG, in this folder."""

import sys
import tempfile
from pathlib import Path

from screenshots.render import Picture
from tests.qrscan import decode_qr
from tests.terminal import Terminal

HERE = Path(__file__).parent
PATIENCE_S = 60.0
WAZITERM = [sys.executable, "-m", "waziterm"]


def main() -> int:
    """Run the program in a terminal, bring it where it is to be seen, and take the pictures."""
    with Terminal([*WAZITERM, "demo", "--instances", "6"], columns=120, rows=36) as demo:
        demo.wait_for(lambda text: "6 connected" in text, PATIENCE_S, what="the connected fleet")
        demo.wait_for(lambda text: "guarded attempt" in text, PATIENCE_S, what="a conflict")
        _take(demo, "wall")
        demo.send("enter")
        demo.wait_for(lambda text: "esc" in text, PATIENCE_S, what="one instance in full")
        _take(demo, "focus")
        demo.send("escape")
        demo.wait_for(lambda text: "? help" in text, PATIENCE_S, what="the wall")
        demo.send("?")
        demo.wait_for(lambda text: "esc close" in text, PATIENCE_S, what="the help")
        _take(demo, "help")
        demo.send("escape")
        demo.wait_for(lambda text: "esc close" not in text, PATIENCE_S, what="the wall")
        demo.send("a")
        demo.wait_for(lambda text: "Add an instance" in text, PATIENCE_S, what="the dialog")
        _take(demo, "add")
        demo.send("shop-new", "enter")
        demo.wait_for(lambda text: "code 1 of 6" in text, PATIENCE_S, what="a pairing")
        demo.send("enter")
        demo.wait_for(lambda _: decode_qr(demo.cells()) is not None, PATIENCE_S, what="a QR code")
        _take(demo, "pairing")
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        command = [*WAZITERM, "--data-dir", folder]
        with Terminal(command, columns=80, rows=24) as empty:
            empty.wait_for(lambda text: "0 instances" in text, PATIENCE_S, what="an empty fleet")
            _take(empty, "empty")
    return 0


def _take(terminal: Terminal, name: str) -> None:
    svg, png = Picture.of(terminal.screen).save(HERE, name)
    print(f"{svg.name} {png.name}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
