"""README's chapter of pairings names every reason for which one ends."""

from pathlib import Path

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.rules import decide
from waziterm.domain.lifecycle.states import State

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PAIRING = Instance("shop", 0.0, state=State.PAIRING, reason=Reason.QR_SHOWN)


def test_every_end_of_a_pairing_has_its_row() -> None:
    chapter = README.split("\n## Pairing\n")[1].split("\n## ")[0]
    rows = [line for line in chapter.splitlines() if line.startswith("| `")]
    for end in ev.PairingEnd:
        for code in (0, 401, 403, 406):
            failed = ev.PairFailed(end, code=code)
            reason = decide(PAIRING, failed, 1.0, 0.5, Limits()).instance.reason
            if reason is Reason.OUTDATED_CLIENT:
                continue
            (row,) = (row for row in rows if f"`{reason.slug}`" in row)
            assert all(digits in row for digits in filter(None, [reason.code])), row
