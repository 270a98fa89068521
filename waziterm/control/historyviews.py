"""The JSON of the history, both ways: HTTP API and the attached screen.

Moments are UTC ISO 8601 texts; durations are seconds.

An incident: `id`, `reason`, `code`, `sentence`, `detail`, `began_at`, `last_at`, `names`, `fleet`
(how many instances there were), `serious`, `acknowledged_at` or null, `done`: what was done about
it, or ""; `done_parts`: the same as `{template, values}`, or null.
A move (`timeline`): `at`, `state`, `reason`, `code`, `sentence`, `detail`.
An attempt: `at`, `instance`, `kind`, `took_s` or null, `ok`: true, false, or null for no verdict.
"""

from typing import Any

from waziterm.control.toolviews import epoch
from waziterm.control.views import moment
from waziterm.domain.fleet.history import Attempt, AttemptKind, IncidentView, Moved
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.phrase import Phrase

Json = dict[str, Any]


def incident_json(incident: IncidentView) -> Json:
    return {
        "id": incident.id,
        "reason": incident.reason.slug,
        "code": incident.reason.code,
        "sentence": incident.reason.sentence,
        "detail": incident.detail,
        "began_at": moment(incident.began_at),
        "last_at": moment(incident.last_at),
        "names": list(incident.names),
        "fleet": incident.fleet,
        "serious": incident.is_serious,
        "acknowledged_at": moment(incident.acknowledged_at),
        "done": incident.done,
        "done_parts": _parts(incident.done),
    }


def incident_of(data: Json) -> IncidentView:
    seen = data["acknowledged_at"]
    return IncidentView(
        reason=Reason.of(data["reason"]),
        began_at=epoch(data["began_at"]),
        last_at=epoch(data["last_at"]),
        names=tuple(data["names"]),
        fleet=data["fleet"],
        detail=data["detail"],
        is_serious=data["serious"],
        id=data["id"],
        acknowledged_at=None if seen is None else epoch(seen),
        done=_phrase(data["done_parts"]) if data["done_parts"] else data["done"],
    )


def _parts(text: str) -> Json | None:
    """What a phrase is made of, for another language; None for any other text."""
    if not isinstance(text, Phrase):
        return None
    values = {
        name: _parts(value) or value if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return {"template": text.template, "values": values}


def _phrase(parts: Json) -> Phrase:
    values = {
        name: _phrase(value) if isinstance(value, dict) else value
        for name, value in parts["values"].items()
    }
    return Phrase(parts["template"], **values)


def moved_json(moved: Moved) -> Json:
    return {
        "at": moment(moved.at),
        "state": moved.state.value,
        "reason": moved.reason.slug,
        "code": moved.reason.code,
        "sentence": moved.reason.sentence,
        "detail": moved.detail,
    }


def moved_of(data: Json) -> Moved:
    return Moved(epoch(data["at"]), State(data["state"]), Reason.of(data["reason"]), data["detail"])


def attempt_json(attempt: Attempt) -> Json:
    return {
        "at": moment(attempt.at),
        "instance": attempt.instance,
        "kind": attempt.kind.value,
        "took_s": None if attempt.took_s is None else round(attempt.took_s, 3),
        "ok": attempt.ok,
    }


def attempt_of(data: Json) -> Attempt:
    return Attempt(
        epoch(data["at"]), data["instance"], AttemptKind(data["kind"]), data["took_s"], data["ok"]
    )
