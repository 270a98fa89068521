"""The JSON shapes: what the HTTP API answers and what `--json` prints, one and the same.

Moments are UTC ISO 8601 texts with milliseconds and a trailing `Z`; durations are seconds.

An instance (`list`, `status`, `GET /v1/instances/{name}`):

| field | is |
|---|---|
| `name` | the instance's name |
| `state` | a word of `domain.lifecycle.states.State` |
| `reason` | the slug of a `domain.lifecycle.reasons.Reason`: why it is in that state |
| `code` | the number that operators know for the reason, or `""` |
| `sentence` | the reason, as a sentence |
| `detail` | evidence for the reason, or `""` |
| `next_step` | what the program does next, or what a person has to do |
| `wanted` | `running` or `stopped`: what the operator last asked for |
| `paired` | whether a phone has linked this instance |
| `jid` | the masked JID, or null |
| `since` | when the state began |
| `next_attempt` | when the program connects by itself, or null |
| `connected_since` | when the connection that is open now began, or null |
| `uptime_s` | how long it has been open, or null |
| `attempt` | connects in a row that did not last |
| `attempts` | connect attempts since the manager's start that have ended |
| `attempts_ok` | how many of them ended well |
| `probe_s` | the last probe's round trip, or null |
| `probed_at` | when that probe was made, or null |
| `sent` | send-tests that WhatsApp accepted since the manager's start |
| `proxy` | the proxy's URL without credentials, or null |
| `pid` | the worker's process id, or null |
| `phone` | the masked number that it was added with, or null |
| `version` | the version that its worker tells WhatsApp, or null; see below |
| `qr` | `{index, count, seconds_left}` while a QR code is valid, else null; never the code |

The fleet (`GET /v1/fleet`): `at`, `lab`, `library` (neonize's version), `version`, `attempts`,
`attempts_ok`, `instances`.
A version that is told WhatsApp: `number`, `origin` (`compiled`: neonize's own; `read` from
WhatsApp's page; `set`), `dated` (about when it was current), `age_days`, `refusals_from` (about
when refusals are to be expected).
A QR code (`qr`): `payload`, `index`, `count`, `seconds_left`.
A pairing code: `code`, `seconds_left`.
A send-test (`test`): `ok`, `took_s`, `message_id`, `error`.
An act of the janitor (`janitor`): `kind`, `subject`, `why`.
A log line: `seq`, `at`, `source`, `text`.
An error: `error`, `code` (the exit code), `hint`.
"""

from datetime import UTC, datetime
from typing import Any

from waziterm.domain.fleet.api import FleetError, FleetView, InstanceView, LogLine, SendResult
from waziterm.domain.lifecycle.instance import PairingCode, QrCode
from waziterm.domain.upkeep.janitor import Act
from waziterm.domain.version import UsedVersion
from waziterm.manager.inputs import mask_proxy

Json = dict[str, Any]


def moment(at: float | None) -> str | None:
    """A moment as UTC ISO 8601, for example `2026-03-01T12:00:00.000Z`; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def instance_json(view: InstanceView, at: float) -> Json:
    """An instance as it was at the moment `at`, with the fields of the table above."""
    connected_at = view.connected_at
    return {
        "name": view.name,
        "state": view.state.value,
        "reason": view.reason.slug,
        "code": view.reason.code,
        "sentence": view.reason.sentence,
        "detail": view.detail,
        "next_step": view.next_step,
        "wanted": view.wanted.value,
        "paired": view.paired,
        "jid": view.jid,
        "since": moment(view.since),
        "next_attempt": moment(view.next_attempt),
        "connected_since": moment(connected_at),
        "uptime_s": None if connected_at is None else round(max(0.0, at - connected_at), 3),
        "attempt": view.attempt,
        "attempts": view.attempts,
        "attempts_ok": view.attempts_ok,
        "probe_s": view.probe_s,
        "probed_at": moment(view.probed_at),
        "sent": view.sent,
        "proxy": None if view.proxy is None else mask_proxy(view.proxy),
        "pid": view.pid,
        "phone": view.phone,
        "version": None if view.version is None else version_json(view.version, at),
        "qr": None if view.qr is None else _qr_place(view.qr, at),
    }


def fleet_json(view: FleetView) -> Json:
    """The whole fleet at one moment."""
    return {
        "at": moment(view.at),
        "lab": view.lab,
        "library": view.library,
        "version": None if view.version is None else version_json(view.version, view.at),
        "attempts": view.attempts,
        "attempts_ok": view.attempts_ok,
        "instances": [instance_json(instance, view.at) for instance in view.instances],
    }


def version_json(version: UsedVersion, at: float) -> Json:
    """The version that is told WhatsApp, as it is at the moment `at`."""
    return {
        "number": version.text,
        "origin": version.origin.value,
        "dated": moment(version.dated),
        "age_days": version.age_days(at),
        "refusals_from": moment(version.refusals_from),
    }


def qr_json(code: QrCode, at: float) -> Json:
    """A QR code with its text: a secret, for a terminal or a phone alone."""
    return {"payload": code.payload, **_qr_place(code, at)}


def code_json(code: PairingCode, at: float) -> Json:
    """A pairing code: a secret, for whoever types it on the phone alone."""
    return {"code": code.text, "seconds_left": _left(code.expires_at, at)}


def log_json(line: LogLine) -> Json:
    """One line of an instance's log."""
    return {"seq": line.seq, "at": moment(line.at), "source": line.source.value, "text": line.text}


def send_json(result: SendResult) -> Json:
    """How a send-test ended."""
    return {
        "ok": result.ok,
        "took_s": round(result.took_s, 3),
        "message_id": result.message_id,
        "error": result.error,
    }


def act_json(act: Act) -> Json:
    """Something that the janitor does or would do. subject: an instance, an entry or a path."""
    return {"kind": act.kind.value, "subject": act.subject, "why": act.why}


def error_json(error: FleetError) -> Json:
    """A refused or failed command. code: the exit code of the command line."""
    return {"error": str(error), "code": error.code, "hint": error.hint}


def _qr_place(code: QrCode, at: float) -> Json:
    return {
        "index": code.index,
        "count": code.count,
        "seconds_left": _left(code.expires_at, at),
    }


def _left(expires_at: float, at: float) -> float:
    return round(max(0.0, expires_at - at), 1)
