"""In which language a browser wants to read."""

from waziterm.domain.screen import Lang

_LONGEST = 500
_OURS = {"id": Lang.ID, "in": Lang.ID, "en": Lang.EN}
"""By what a browser calls it; `in` is the older name of Indonesian."""


def wanted(accepted: str) -> Lang:
    """The language of ours that `Accept-Language` prefers (RFC 9110, 12.5.4); else English."""
    best, found = 0.0, Lang.EN
    for each in accepted[:_LONGEST].split(","):
        tag, *more = each.split(";")
        lang = _OURS.get(tag.strip().lower().partition("-")[0])
        weight = 1.0
        for parameter in more:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = min(1.0, float(value))
                except ValueError:
                    weight = 0.0
        if lang is not None and weight > best:
            best, found = weight, lang
    return found
