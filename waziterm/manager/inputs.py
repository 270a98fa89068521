"""What an operator types, checked once: instance names, phone numbers, proxy URLs.

The command line, the HTTP API and the screen use the same functions, so that all of them say
the same thing about the same mistake.
"""

import re
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import urlsplit

from waziterm.domain.errors import FleetError
from waziterm.domain.names import InvalidNameError, check_name
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain, safe_line

if TYPE_CHECKING:
    from phonenumbers import NumberParseException

_PLUSES = ("+", "\uff0b")
_NO_DIGITS = "it holds something else than digits"
_FORMER = {
    52: re.compile("1[0-9]{10}"),  # Mexico: mobiles until 2019
    225: re.compile("[0-9]{8}"),  # Ivory Coast: until January 2021
    229: re.compile("[0-9]{8}"),  # Benin: until November 2024
}
"""By country code, numbers of an earlier plan: WhatsApp's accounts keep the one they were made
with."""

PROXY_SCHEMES = ("http", "https", "socks5")
NOTE_LONGEST = 300
"""Characters."""
NUMBER_EXAMPLE = "+62 812 3456 7890"
PROXY_EXAMPLE = "socks5://user:password@proxy.example:1080"


class InputError(FleetError):
    """Something that an operator typed cannot be used: wrong usage, exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=2)


def instance_name(text: str) -> str:
    """The text itself, when it may be an instance name. Raises InputError."""
    try:
        return check_name(text)
    except InvalidNameError as error:
        raise InputError(plain(str(error)), Phrase("for example shop-jakarta")) from error


def phone_number(text: str) -> str:
    """A phone number as E.164, for example `+6281234567890`. Spaces, dots, dashes may be there,
    marks of the writing's direction too, and the digits of any script.

    Raises InputError, which says what is wrong with the number.
    """
    import phonenumbers  # noqa: PLC0415 - 40 ms that most verbs do not need

    hint = f"write it with its country code, for example {NUMBER_EXAMPLE}"
    shown = repr(plain(text, 30))
    written = " ".join("".join(each for each in text if category(each) != "Cf").split())
    if not written.startswith(_PLUSES):
        raise InputError(f"{shown} does not start with + and a country code", hint)
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException as error:
        why = _why_unparsed(error, written)
        raise InputError(f"{shown} is not a phone number: {why}", hint) from error
    if number.extension:
        raise InputError(f"{shown} has an extension, which WhatsApp does not know", hint)
    if any(map(str.isalpha, written)):
        # The library has read letters as the digits of their keys.
        raise InputError(f"{shown} is not a phone number: {_NO_DIGITS}", hint)
    known = phonenumbers.national_significant_number(number)
    former = _FORMER.get(number.country_code or 0)
    if former is not None and former.fullmatch(known):
        return f"+{number.country_code}{known}"
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict == phonenumbers.ValidationResult.TOO_SHORT:
        raise InputError(f"{shown} is too short for its country", hint)
    if verdict == phonenumbers.ValidationResult.TOO_LONG:
        raise InputError(f"{shown} is too long for its country", hint)
    if verdict == phonenumbers.ValidationResult.INVALID_COUNTRY_CODE:
        raise InputError(f"{shown} starts with a country code that nobody has", hint)
    if verdict != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InputError(f"{shown} has a length that its country does not use", hint)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _why_unparsed(error: "NumberParseException", written: str) -> str:
    kinds = type(error)
    too_short = written[1:].strip().isdecimal()
    return {
        kinds.INVALID_COUNTRY_CODE: "no country has this code",
        kinds.NOT_A_NUMBER: "it is too short" if too_short else _NO_DIGITS,
        kinds.TOO_SHORT_AFTER_IDD: "it is too short",
        kinds.TOO_SHORT_NSN: "it is too short",
        kinds.TOO_LONG: "it is too long",
    }.get(error.error_type, "it cannot be read")


def act_id(text: str) -> str:
    """The id of an act on several; see `domain.units.ActId`. Raises InputError."""
    if re.fullmatch(r"[0-9a-f]{0,32}", text) is None:
        raise InputError("'act_id' must be up to 32 hexadecimal digits in lower case")
    return text


def proxy_url(text: str) -> str:
    """A proxy's URL, when it names a scheme we know, a host and a port.

    Raises InputError, whose message never repeats the credentials.
    """
    hint = f"for example {PROXY_EXAMPLE}"
    if text != plain(text, len(text) + 1) or " " in text:
        raise InputError("the proxy URL holds spaces or control characters", hint)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError("the proxy URL's host or port cannot be read", hint) from error
    if parts.scheme not in PROXY_SCHEMES or "://" not in text:
        raise InputError(f"a proxy URL starts with {', '.join(PROXY_SCHEMES)} and ://", hint)
    if not parts.hostname:
        raise InputError("the proxy URL names no host", hint)
    if not port:
        raise InputError("the proxy URL names no port", hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InputError("a proxy URL ends after its port", hint)
    return text.rstrip("/")


def note_text(text: str) -> str:
    """What a person says to the others, as one line in which secrets and numbers are masked.

    Raises InputError when it is too long.
    """
    line = safe_line(text, NOTE_LONGEST + 1)
    if len(line) > NOTE_LONGEST:
        raise InputError(f"a note has at most {NOTE_LONGEST} characters, this one {len(text)}")
    return line
