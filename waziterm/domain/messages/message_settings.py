"""How messages are sent, and for how long they are kept: `[messages]` and `[pacing]`."""

from waziterm.domain.alerts.quiet import ALLOWED as ALLOWED_QUIET
from waziterm.domain.alerts.quiet import Quiet
from waziterm.domain.frozen import dataclass
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.opt_out import opt_out_word
from waziterm.domain.settings import setting

_DAY_S = 86_400.0
_MOST_WORDS, _LONGEST_WORD = 20, 50


def _words(value: object) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
        raise TypeError(value)
    lengths = [len(opt_out_word(each)) for each in words]
    if len(words) > _MOST_WORDS or not all(0 < each <= _LONGEST_WORD for each in lengths):
        raise ValueError(f"must be at most {_MOST_WORDS} texts of 1 to {_LONGEST_WORD} characters")
    return tuple(each.strip() for each in words)


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

    inbox: bool = setting(
        True,
        "Whether messages that come in are kept until they are told, from the next connect on;"
        " without it they are gone.",
    )
    receipts: bool = setting(
        False,
        "Whether it is heard, from the next connect on, what the phones say of messages that were"
        " sent: delivered, read.",
    )
    opt_out_words: tuple[str, ...] = setting(
        ("STOP", "BERHENTI"),
        "A person whose whole message is one of these, in any case, is written to no more; from the"
        " next connect on.",
        allowed="an array of texts, or one text with commas between them",
        read=_words,
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
