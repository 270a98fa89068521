"""Six alerts as they reach a phone, in each language; `python -m tests.texts.alerts` prints them.

They come from the rules themselves: what happens to a fleet of shops is told as a manager tells it.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta, timezone

from tests.domain.test_alerts import BEGIN, TELLING, Teller, dropped, held, shop
from waziterm.domain.alerts.alert import Alert
from waziterm.domain.alerts.texts import Words
from waziterm.domain.lifecycle.details import ban_detail
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Lang
from waziterm.lang import translations

JAKARTA = timezone(timedelta(hours=7))


def six(lang: Lang) -> Mapping[str, Alert]:
    """What is told of a session that is taken, and of the rest that happens at night."""
    words = Words(translations(lang, {}).gettext, JAKARTA)

    def teller(count: int = 1) -> Teller:
        return Teller(count, replace(TELLING, words=words))

    one = teller()
    (firing,) = one.change(held(0))
    one.wait(754.0)
    one.change(shop(0))
    (resolved,) = one.wait(120.0)
    banned = shop(0, State.BANNED, Reason.TEMPORARY_BAN)
    banned = replace(banned, detail=ban_detail(101), banned_until=BEGIN + 86_400.0)
    fleet = teller(200)
    return {
        "held": firing,
        "conflict": teller().change(shop(0, State.COOLDOWN, Reason.CONFLICT))[0],
        "logged_out": teller().change(shop(0, State.LOGGED_OUT, Reason.UNLINKED))[0],
        "banned": teller().change(banned)[0],
        "fleet": fleet.change(*map(dropped, range(198)))[0],
        "resolved": resolved,
    }


def main() -> None:
    """Print them with their lengths."""
    for lang in (Lang.EN, Lang.ID):
        for name, alert in six(lang).items():
            sys.stdout.write(f"{lang.value} {name} ({len(alert.text)}): {alert.text}\n")


if __name__ == "__main__":
    main()
