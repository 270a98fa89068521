"""What the stream carries, as JSON both ways and without loss: an attached screen is fed from it.

The shapes are those of the dataclasses in `domain.fleet.api`, field by field. Unlike in
`control.views`, moments are UTC seconds, because a screen counts with them, and QR and pairing
codes come with their texts, because a screen has to show them: the stream is for the socket's
owner alone.

A frame: `{at, attempts, attempts_ok, sessions, snapshot, changed, removed, lines, notices}`, where
`sessions` is null when it is as before, `snapshot` is null or `{at, lab, library, version,
attempts, attempts_ok, instances}`, `lines` maps an instance's name to log lines, and the last
four may be empty.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from waziterm.domain.fleet.api import Changes, FleetView, InstanceView, LogLine, Notice, Source
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.version import Origin, UsedVersion, number_in

Json = dict[str, Any]

_AS_IT_IS = tuple(
    field.name
    for field in fields(InstanceView)
    if field.name not in ("state", "reason", "wanted", "version", "qr", "code")
)


class CodecError(ValueError):
    """Something is no frame: another version of waziterm wrote it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What changed, and the figures of the whole fleet at the moment `at` (UTC seconds; 0 where
    nobody looked at the clock).

    sessions: the instances that have something to clean, None when that is as before.
    """

    at: float
    attempts: int
    attempts_ok: int
    changes: Changes
    sessions: tuple[str, ...] | None = None


def encode(frame: Frame) -> bytes:
    """A frame as one line of JSON, without its end."""
    changes = frame.changes
    data = {
        "at": frame.at,
        "attempts": frame.attempts,
        "attempts_ok": frame.attempts_ok,
        "sessions": None if frame.sessions is None else list(frame.sessions),
        "snapshot": None if changes.snapshot is None else _fleet_json(changes.snapshot),
        "changed": [_instance_json(view) for view in changes.changed],
        "removed": list(changes.removed),
        "lines": {
            name: [[line.seq, line.at, line.source.value, line.text] for line in lines]
            for name, lines in changes.lines.items()
        },
        "notices": [
            [notice.at, notice.text, notice.instance, notice.trouble] for notice in changes.notices
        ],
    }
    return json.dumps(data, separators=(",", ":")).encode()


def decode(text: bytes) -> Frame:
    """The frame that `encode` made this of. Raises CodecError."""
    try:
        data = json.loads(text)
        changes = Changes(
            snapshot=None if data["snapshot"] is None else _fleet_of(data["snapshot"]),
            changed=tuple(map(_instance_of, data["changed"])),
            removed=tuple(data["removed"]),
            lines={
                name: tuple(
                    LogLine(seq, at, Source(source), text) for seq, at, source, text in lines
                )
                for name, lines in data["lines"].items()
            },
            notices=tuple(Notice(*notice) for notice in data["notices"]),
        )
        sessions = None if data["sessions"] is None else tuple(data["sessions"])
        return Frame(data["at"], data["attempts"], data["attempts_ok"], changes, sessions)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CodecError(f"no frame of this version: {type(error).__name__}") from error


def answered_view(data: Json, known: InstanceView | None) -> InstanceView:
    """The instance in a command's answer, whose shape is that of `control.views`.

    known: as the stream showed it last; it has the texts of the codes, which answers never hold.
    Raises CodecError.
    """
    try:
        return InstanceView(
            name=data["name"],
            state=State(data["state"]),
            reason=Reason.of(data["reason"]),
            detail=data["detail"],
            next_step=data["next_step"],
            wanted=Wanted(data["wanted"]),
            paired=data["paired"],
            jid=data["jid"],
            since=_seconds(data["since"]),
            next_attempt=_moment(data["next_attempt"]),
            connected_at=_moment(data["connected_since"]),
            probe_s=data["probe_s"],
            probed_at=_moment(data["probed_at"]),
            sent=data["sent"],
            attempt=data["attempt"],
            attempts=data["attempts"],
            attempts_ok=data["attempts_ok"],
            proxy=data["proxy"],
            pid=data["pid"],
            phone=data["phone"],
            version=_answered_version(data["version"]),
            qr=_same_qr(data["qr"], known),
            code=known.code if known is not None and data["state"] == State.PAIRING else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CodecError(f"no answer of this version: {type(error).__name__}") from error


def _answered_version(data: Json | None) -> UsedVersion | None:
    if data is None:
        return None
    number = number_in(data["number"])
    if number is None:
        raise ValueError(data["number"])
    return UsedVersion(number, Origin(data["origin"]), _seconds(data["dated"]))


def _version_json(version: UsedVersion | None) -> list[Any] | None:
    return None if version is None else [version.number, version.origin.value, version.dated]


def _version_of(data: list[Any] | None) -> UsedVersion | None:
    return UsedVersion(data[0], Origin(data[1]), data[2]) if data else None


def _same_qr(place: Json | None, known: InstanceView | None) -> QrCode | None:
    code = known.qr if known is not None else None
    return code if place is not None and code is not None and code.index == place["index"] else None


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _moment(text: str | None) -> float | None:
    return None if text is None else _seconds(text)


def _fleet_json(view: FleetView) -> Json:
    return {
        "at": view.at,
        "lab": view.lab,
        "library": view.library,
        "version": _version_json(view.version),
        "attempts": view.attempts,
        "attempts_ok": view.attempts_ok,
        "instances": [_instance_json(instance) for instance in view.instances],
    }


def _fleet_of(data: Json) -> FleetView:
    return FleetView(
        **{
            **data,
            "version": _version_of(data["version"]),
            "instances": tuple(map(_instance_of, data["instances"])),
        }
    )


def _instance_json(view: InstanceView) -> Json:
    qr, code = view.qr, view.code
    data = {name: getattr(view, name) for name in _AS_IT_IS}
    return data | {
        "state": view.state.value,
        "reason": view.reason.slug,
        "wanted": view.wanted.value,
        "version": _version_json(view.version),
        "qr": qr and [qr.payload, qr.index, qr.count, qr.expires_at],
        "code": code and [code.text, code.expires_at],
    }


def _instance_of(data: Json) -> InstanceView:
    return InstanceView(
        **{
            **data,
            "state": State(data["state"]),
            "reason": Reason.of(data["reason"]),
            "wanted": Wanted(data["wanted"]),
            "version": _version_of(data["version"]),
            "qr": QrCode(*data["qr"]) if data["qr"] else None,
            "code": PairingCode(*data["code"]) if data["code"] else None,
        }
    )
