"""How messages are sent, and for how long they are kept: `[messages]` and `[pacing]`."""

from dataclasses import dataclass

from waziterm.domain.alerts.quiet import ALLOWED as ALLOWED_QUIET
from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.messages.message import OnUnknown
from waziterm.domain.settings import setting

_DAY_S = 86_400.0


def _quiet(text: object) -> Quiet | None:
    return Quiet.parse(text)


@dataclass(frozen=True, slots=True)
class Messages:
    """`[messages]`: what becomes of messages, and how long they stay."""

    on_unknown: OnUnknown = setting(
        OnUnknown.HOLD,
        "What happens to a message of which nobody knows whether it arrived: hold, it waits for a"
        " receipt or a person; or resend, it is sent once more.",
    )
    keep_sent_text_s: float = setting(
        900.0, "Seconds for which the text of a message stays that was sent.", low=0, high=_DAY_S
    )
    keep_open_text_s: float = setting(
        3 * _DAY_S,
        "Seconds for which the text of one stays that failed, or may have arrived; nobody can send"
        " it again after that.",
        low=0,
        high=30 * _DAY_S,
    )
    keep_days: float = setting(
        30.0, "Days for which a message is listed after its end.", low=1, high=36_500
    )

    @property
    def keep_s(self) -> float:
        return self.keep_days * _DAY_S


@dataclass(frozen=True, slots=True)
class Pacing:
    """`[pacing]`: how fast one instance sends, so that its number is not banned for it."""

    enabled: bool = setting(True, "Whether messages are paced at all.")
    gap_s: float = setting(
        3.0,
        "Seconds between two messages of one instance, half as many or half as many more by"
        " chance.",
        low=0,
        high=3600,
    )
    per_hour: int = setting(
        200, "So many messages one instance sends in an hour at most.", low=1, high=100_000
    )
    new_chats_per_day: int = setting(
        20,
        "So many people to whom it has never written it writes to in 24 hours; ten times as many"
        " from the 14th day of its sending on.",
        low=0,
        high=10_000,
    )
    quiet: Quiet | None = setting(
        None,
        "Hours in which nothing is sent.",
        allowed=ALLOWED_QUIET,
        read=_quiet,
        example='"22:00-07:00 Asia/Jakarta"',
    )
