"""The verb schema: JSON Schema (2020-12) of what the verbs print with `--json`."""

from typing import Any

from waziterm.cli.show import documents, output
from waziterm.domain.alerts.delivery import AlertsView
from waziterm.domain.care.layers import TestReport
from waziterm.domain.care.trash import Removal
from waziterm.domain.codec import schema
from waziterm.domain.fleet.api import Fleet, InstanceView, LogLine, Shown
from waziterm.domain.fleet.history import FleetLine, ShiftNote
from waziterm.domain.fleet.tools import (
    AddedAll,
    RestartReport,
    RestoredBackup,
    Silence,
)
from waziterm.domain.fleet.typed import document_type
from waziterm.domain.fleet.verbs import verbs_of
from waziterm.domain.lifecycle.instance import QrCode
from waziterm.domain.links import MadeLink
from waziterm.domain.messages.message import MessageView, OptedOut
from waziterm.domain.messages.token import TokenView
from waziterm.domain.moving.plan import ImportReport
from waziterm.domain.webhooks.views import WebhookView
from waziterm.manager.inputs import InputError

Json = dict[str, Any]

ERROR = "error"
_ONE_OR_SEVERAL = InstanceView | list[InstanceView | documents.InstanceFailure]
_COMPOSED: dict[str, Any] = {
    # What `documents` puts together, and `restart`, which prints its report alone.
    "acknowledge": list[documents.Incident],
    "add": InstanceView | AddedAll,
    "alerts list": AlertsView,
    "config": list[documents.ConfigEntry] | documents.ConfigProblems,
    "conflicts": documents.Conflicts,
    "demo": documents.DemoEnd,
    "doctor": documents.Doctor,
    "full": documents.Full,
    "import": ImportReport,
    "incidents": list[documents.Incident],
    "logs": list[LogLine | FleetLine],
    "messages list": list[MessageView],
    "note": list[ShiftNote],
    "opt-outs list": list[OptedOut],
    "qr": QrCode | MadeLink | documents.LinkEnded,
    "restart": RestartReport,
    "remove": Removal | list[documents.Removed | documents.InstanceFailure],
    "restore-backup": RestoredBackup,
    "silence": Silence | list[Silence | documents.InstanceFailure],
    "status": InstanceView | list[InstanceView],
    **dict.fromkeys(("messages close", "messages resend"), MessageView),
    **dict.fromkeys(("start", "stop", "reconnect", "clean", "set"), _ONE_OR_SEVERAL),
    "test": TestReport | documents.FleetTest | list[TestReport | documents.InstanceFailure],
    "token list": list[TokenView],
    "token revoke": documents.Revoked,
    "undo": documents.Undone,
    "webhooks list": list[WebhookView],
    ERROR: documents.Failure,
}


def schemas() -> dict[str, Json]:
    """The schema of each verb's document by the verb, and that of an error as `error`."""
    found = {}
    for owner in (Shown, Fleet):
        for verb in verbs_of(owner).values():
            if verb.line and verb.line not in _COMPOSED:
                made = schema(document_type(owner, verb))
                found[verb.line] = _under(verb.under, made) if verb.under else made
    found |= {word: schema(kind) for word, kind in _COMPOSED.items()}
    return dict(sorted(found.items()))


def _under(key: str, made: Json) -> Json:
    dialect = made.pop("$schema")
    return {"$schema": dialect, "type": "object", "properties": {key: made}, "required": [key]}


def print_schema(verb: str) -> int:
    """Print the schema of a verb's document, or of all by verb for "". Raises InputError."""
    found = schemas()
    if not verb:
        output.document(found)
    elif verb in found:
        output.document(found[verb])
    else:
        raise InputError(f"{verb[:40]!r} prints no document", f"one of {', '.join(found)} does")
    return 0
