"""The languages: English as it stands in the source, or another one's catalog.

What is stored or logged is English everywhere. What the screen says is translated in the moment in
which it is painted: its language belongs to the context in which the app runs, and its tasks
inherit it. Alerts are composed in the language that the settings name for them.
"""

import gettext
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import waziterm
from waziterm.domain import moments
from waziterm.domain.phrase import said_in
from waziterm.domain.screen import Lang

DOMAIN = "waziterm"
LOCALES = Path(waziterm.__file__).parent / "locale"

_ENGLISH = gettext.NullTranslations()


@dataclass(slots=True)
class _Spoken:
    """The language of a context and of all tasks that began in it."""

    catalog: gettext.NullTranslations


_spoken: ContextVar[_Spoken | None] = ContextVar("spoken", default=None)


def _catalog() -> gettext.NullTranslations:
    here = _spoken.get()
    return _ENGLISH if here is None else here.catalog


def tr(text: str, **values: object) -> str:
    """The text in the language of the screen, with the values at its places: `{name}`.

    text: English, as it stands in the catalog; what is not there stays as it is. With values it
    must be a constant: what comes from elsewhere may be a value, never a template.
    """
    # The catalog keeps its own head under the empty text.
    said = _catalog().gettext(text) if text else ""
    return said.format(**values) if values else said


def trn(one: str, many: str, n: int, **values: object) -> str:
    """The form for the number `n`, which stands at the place `{n}`."""
    return _catalog().ngettext(one, many, n).format(n=n, **values)


def retold(text: str) -> str:
    """A phrase of the manager in the language of the screen, any other text as it is; moments in it
    in the zone of the machine, as all others of the screen."""
    return moments.retold(said_in(text, tr), _in_zone)


def _in_zone(moment: str) -> str:
    local = datetime.fromisoformat(moment).astimezone().timetuple()
    return moments.moment(local, None, tr)


def N_(text: str) -> str:
    """The text itself, marked for the catalog; it is translated where it is painted."""
    return text


@contextmanager
def speaking(catalog: gettext.NullTranslations) -> Iterator[None]:
    """Let the screen speak a language in this context and in the tasks that begin in it."""
    before = _spoken.set(_Spoken(catalog))
    try:
        yield
    finally:
        _spoken.reset(before)


def speak(catalog: gettext.NullTranslations) -> None:
    """Let the screen speak another language from now on, also in the tasks that have begun. To be
    called inside of `speaking`."""
    here = _spoken.get()
    if here is None:
        raise RuntimeError("no screen speaks here")
    here.catalog = catalog


def spoken() -> Lang:
    """The language of the screen."""
    return Lang(_catalog().info().get("language", Lang.EN))


def translations(wanted: Lang, environ: Mapping[str, str]) -> gettext.NullTranslations:
    """The catalog of the language that is wanted; English is the source and needs none.

    Raises FileNotFoundError where it was not installed; `auto` is English then.
    """
    lang = lang_of(wanted, environ)
    if lang is Lang.EN:
        return _ENGLISH
    return gettext.translation(DOMAIN, LOCALES, [lang.value], fallback=wanted is Lang.AUTO)


def into(wanted: Lang) -> Callable[[str], str]:
    """What turns a text into a language; `auto` is the environment's. Where its catalog was not
    installed that is English, with a line in the log: an alert must not fail for its words."""
    try:
        catalog = translations(wanted, os.environ)
    except FileNotFoundError:
        import logging  # noqa: PLC0415 - `list` speaks English and logs nothing

        log = logging.getLogger(__name__)
        log.warning("the texts of the language %r are not installed: English is used", wanted.value)
        catalog = _ENGLISH
    # The catalog keeps its own head under the empty text.
    return lambda text: catalog.gettext(text) if text else ""


def lang_of(wanted: Lang, environ: Mapping[str, str]) -> Lang:
    """The language that is meant; `auto` is the locale's, where there is a catalog for it."""
    if wanted is not Lang.AUTO:
        return wanted
    named = next(
        (environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(key)), ""
    )
    return Lang.ID if re.split(r"[_.@]", named.lower())[0] == Lang.ID else Lang.EN
