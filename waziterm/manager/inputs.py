"""What an operator types, checked once: instance names, phone numbers, proxy URLs.

The command line, the HTTP API and the screen use the same functions, so that all of them say
the same thing about the same mistake.
"""

import re
from typing import TYPE_CHECKING
from unicodedata import category

from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.instance import OwnKey, OwnValue
from waziterm.domain.names import (
    DEVICE_NAMES,
    InvalidNameError,
    check_device_name,
    check_name,
    check_tags,
)
from waziterm.domain.phrase import Phrase
from waziterm.domain.proxy import EXAMPLE as PROXY_EXAMPLE
from waziterm.domain.proxy import check_proxy
from waziterm.domain.text import plain, safe_line

if TYPE_CHECKING:
    from phonenumbers import NumberParseException

_PLUSES = ("+", "\uff0b")
_NO_DIGITS = Phrase("it has other characters than digits")
_TOO_SHORT = Phrase("it is too short")
_FORMER = {
    52: re.compile("1[0-9]{10}"),  # Mexico: mobiles until 2019
    225: re.compile("[0-9]{8}"),  # Ivory Coast: until January 2021
    229: re.compile("[0-9]{8}"),  # Benin: until November 2024
}
"""By country code, numbers of an earlier plan: WhatsApp's accounts keep the one they were made
with."""

NOTE_LONGEST = 300
"""Characters."""
NUMBER_EXAMPLE = "+62 812 3456 7890"


class InputError(FleetError):
    """Something that an operator typed cannot be used: wrong usage, exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=2)


def instance_name(text: str) -> str:
    """The text itself, when it may be an instance name. Raises InputError."""
    try:
        return check_name(text)
    except InvalidNameError as error:
        raise InputError(error.args[0], Phrase("for example shop-jakarta")) from error


def phone_number(text: str) -> str:
    """A phone number as E.164, for example `+6281234567890`. Spaces, dots, dashes may be there,
    marks of the writing's direction too, and the digits of any script.

    Raises InputError, which says what is wrong with the number.
    """
    import phonenumbers  # noqa: PLC0415 - 40 ms that most verbs do not need

    hint = Phrase("write it with its country code, for example {number}", number=NUMBER_EXAMPLE)
    shown = repr(plain(text, 30))
    written = " ".join("".join(each for each in text if category(each) != "Cf").split())
    if not written.startswith(_PLUSES):
        raise InputError(
            Phrase("{shown} does not start with + and a country code", shown=shown), hint
        )
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException as error:
        why = _why_unparsed(error, written)
        raise InputError(
            Phrase("{shown} is not a phone number: {why}", shown=shown, why=why), hint
        ) from error
    if number.extension:
        raise InputError(
            Phrase("{shown} has an extension, which WhatsApp does not know", shown=shown), hint
        )
    if any(map(str.isalpha, written)):
        # The library has read letters as the digits of their keys.
        raise InputError(
            Phrase("{shown} is not a phone number: {why}", shown=shown, why=_NO_DIGITS), hint
        )
    known = phonenumbers.national_significant_number(number)
    former = _FORMER.get(number.country_code or 0)
    if former is not None and former.fullmatch(known):
        return f"+{number.country_code}{known}"
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict == phonenumbers.ValidationResult.TOO_SHORT:
        raise InputError(Phrase("{shown} is too short for its country", shown=shown), hint)
    if verdict == phonenumbers.ValidationResult.TOO_LONG:
        raise InputError(Phrase("{shown} is too long for its country", shown=shown), hint)
    if verdict == phonenumbers.ValidationResult.INVALID_COUNTRY_CODE:
        raise InputError(
            Phrase("{shown} starts with a country code that nobody has", shown=shown), hint
        )
    if verdict != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InputError(
            Phrase("{shown} has a length that its country does not use", shown=shown), hint
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _why_unparsed(error: "NumberParseException", written: str) -> Phrase:
    kinds = type(error)
    too_short = written[1:].strip().isdecimal()
    return {
        kinds.INVALID_COUNTRY_CODE: Phrase("no country has this code"),
        kinds.NOT_A_NUMBER: _TOO_SHORT if too_short else _NO_DIGITS,
        kinds.TOO_SHORT_AFTER_IDD: _TOO_SHORT,
        kinds.TOO_SHORT_NSN: _TOO_SHORT,
        kinds.TOO_LONG: Phrase("it is too long"),
    }.get(error.error_type, Phrase("it cannot be read"))


def act_id(text: str) -> str:
    """The id of an act on several; see `domain.units.ActId`. Raises InputError."""
    if re.fullmatch(r"[0-9a-f]{0,32}", text) is None:
        raise InputError(Phrase("'act_id' must be up to 32 hexadecimal digits in lower case"))
    return text


def proxy_url(text: str) -> str:
    """A proxy's URL, when it names a scheme we know, a host and a port.

    Raises InputError, whose message never repeats the credentials.
    """
    try:
        return check_proxy(text)
    except ValueError as error:
        raise InputError(
            error.args[0], Phrase("for example {proxy}", proxy=PROXY_EXAMPLE)
        ) from error


def proxy_url_or_none(text: str) -> str:
    """A proxy's URL, or "" for none. Raises InputError."""
    return proxy_url(text) if text else ""


def own_values(
    *,
    note: str | None = None,
    tags: str | None = None,
    proxy: str | None = None,
    device_name: str | None = None,
    isolate: str | None = None,
    receipts: str | None = None,
) -> dict[OwnKey, OwnValue]:
    """What a person wants to be set of an instance, see `Fleet.edit`; None is left out, "" clears.
    Raises InputError."""
    values: dict[OwnKey, OwnValue] = {}
    try:
        if note is not None:
            values[OwnKey.NOTE] = note_text(note)
        if tags is not None:
            values[OwnKey.TAGS] = check_tags(tags)
        if device_name is not None:
            values[OwnKey.DEVICE_NAME] = check_device_name(device_name) if device_name else None
    except TypeError as error:
        shown = repr(plain(str(device_name), 60))
        raise InputError(
            Phrase(
                "{shown} cannot be a device's name: {allowed}",
                shown=shown,
                allowed=DEVICE_NAMES,
            )
        ) from error
    except ValueError as error:
        raise InputError(error.args[0]) from error
    if proxy is not None:
        values[OwnKey.PROXY] = proxy_url(proxy) if proxy else None
    for key, flag in ((OwnKey.ISOLATE, isolate), (OwnKey.RECEIPTS, receipts)):
        if flag is None:
            continue
        if flag not in _FLAGS:
            shown = repr(plain(flag, 30))
            raise InputError(Phrase("{key} is true or false, not {shown}", key=key, shown=shown))
        values[key] = _FLAGS[flag]
    return values


_FLAGS = {"": None, "true": True, "false": False}


def note_text(text: str) -> str:
    """What a person says to the others, as one line in which secrets and numbers are masked.

    Raises InputError when it is too long.
    """
    line = safe_line(text, NOTE_LONGEST + 1)
    if len(line) > NOTE_LONGEST:
        raise InputError(
            Phrase(
                "a note has at most {most} characters, this one {count}",
                most=NOTE_LONGEST,
                count=len(text),
            )
        )
    return line
