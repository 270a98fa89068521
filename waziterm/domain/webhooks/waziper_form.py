"""An event as the webhooks of Waziper tell it: `{instance_id, data: {event, data}}`, with the
events of Baileys. `connection.update`, which Waziper promised and never sent, is among them."""

from typing import assert_never

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.inbound import InboundKind
from waziterm.domain.units import moment_of
from waziterm.domain.webhooks.bodies import masked_data
from waziterm.domain.webhooks.event import EventType, Json, WebhookEvent
from waziterm.domain.webhooks.target import Target

_ERROR, _SERVER, _DELIVERED, _READ = 0, 2, 3, 4
"""`proto.WebMessageInfo.Status` of WhatsApp's protocol, which Baileys tells as it is."""


def waziper_body(event: WebhookEvent, target: Target, called: str = "") -> Json | None:
    """The body of an event for a target of this form; None where clients of it know no such event:
    a message that is lost, or unknown. called: by which id clients know the instance, "" where that
    is its name."""
    name = called or event.name
    data = event.data if target.numbers is Numbers.FULL else masked_data(event.data)
    match event.type:
        case EventType.MESSAGE_RECEIVED:
            return _body(name, "messages.upsert", _received(data))
        case EventType.MESSAGE_SENT:
            return _body(name, "messages.update", _updated(data, _SERVER))
        case EventType.MESSAGE_DELIVERED:
            return _body(name, "messages.update", _updated(data, _DELIVERED))
        case EventType.MESSAGE_READ:
            return _body(name, "messages.update", _updated(data, _READ))
        case EventType.MESSAGE_FAILED:
            return _body(name, "messages.update", _updated(data, _ERROR))
        case EventType.INSTANCE_STATE:
            return _body(name, "connection.update", _connection(data))
        case EventType.MESSAGE_UNKNOWN | EventType.MESSAGE_LOST:
            return None
        case _:
            assert_never(event.type)


def _body(called: str, name: str, data: Json | list[Json]) -> Json:
    return {"instance_id": called, "data": {"event": name, "data": data}}


def _received(data: Json) -> Json:
    is_own, is_group = bool(data["is_own"]), bool(data["is_group"])
    by_number = f"{data['number']}@s.whatsapp.net" if data["number"] else ""
    # Clients answer to the number that they find in front of the `@`.
    chat = data["chat"] if is_own or is_group else by_number or data["chat"]
    key: Json = {"remoteJid": chat, "fromMe": is_own, "id": data["id"]}
    if is_group:
        key["participant"] = by_number or data["sender"]
    told = {
        "key": key,
        "messageTimestamp": int(moment_of(data["at"])),
        "pushName": data["push_name"],
        "message": _content(data, chat),
    }
    return {"messages": [told], "type": "notify"}


def _content(data: Json, chat: str) -> Json:
    """What a message says, in the members that Baileys has for it."""
    text, replied = data["text"], data["reply_to"]
    kind = InboundKind(data["kind"])
    match kind:
        case InboundKind.TEXT | InboundKind.OTHER:
            if kind is InboundKind.OTHER and not text:
                return {}
            if not replied:
                return {"conversation": text}
            return {"extendedTextMessage": {"text": text, "contextInfo": {"stanzaId": replied}}}
        case InboundKind.IMAGE:
            return {"imageMessage": _media(data)}
        case InboundKind.VIDEO:
            return {"videoMessage": _media(data)}
        case InboundKind.AUDIO:
            return {"audioMessage": _media(data)}
        case InboundKind.DOCUMENT:
            return {"documentMessage": _media(data)}
        case InboundKind.STICKER:
            return {"stickerMessage": _media(data)}
        case InboundKind.LOCATION:
            return {"locationMessage": {"name": text}}
        case InboundKind.CONTACT:
            return {"contactMessage": {"displayName": text}}
        case InboundKind.REACTION:
            return {"reactionMessage": {"text": text, "key": {"remoteJid": chat, "id": replied}}}
        case InboundKind.REVOKED:
            key = {"remoteJid": chat, "id": replied}
            return {"protocolMessage": {"type": "REVOKE", "key": key}}
        case InboundKind.POLL:
            return {"pollCreationMessage": {"name": text}}
        case _:
            assert_never(kind)


def _media(data: Json) -> Json:
    told: Json = {"caption": data["text"]} if data["text"] else {}
    if (media := data["media"]) is not None:
        told["mimetype"] = media["mime_type"]
        # Baileys tells 64 bits as a text.
        told["fileLength"] = str(media["size"])
        if media["file_name"]:
            told["fileName"] = media["file_name"]
    if data["reply_to"]:
        told["contextInfo"] = {"stanzaId": data["reply_to"]}
    return told


def _updated(data: Json, status: int) -> list[Json]:
    """How far a message has come that `send` has answered with this id."""
    update: Json = {"status": status}
    if status == _ERROR:
        update["messageStubParameters"] = [data["code"] or data["state"]]
    key = {"remoteJid": data["to"], "fromMe": True, "id": data["id"]}
    return [{"key": key, "update": update}]


def _connection(data: Json) -> Json:
    state = State(data["state"])
    told: Json = {"connection": _connection_of(state), "state": state.value}
    if told["connection"] == "close":
        code = str(data.get("code") or "")
        told["lastDisconnect"] = {
            "error": {
                "message": data["reason"],
                "output": {"statusCode": int(code) if code.isdecimal() else 0},
            }
        }
        told["relogin"] = state is State.LOGGED_OUT
    return told


def _connection_of(state: State) -> str:
    match state:
        case State.CONNECTED | State.DEGRADED:
            return "open"
        case State.CONNECTING | State.PAIRING | State.RETRYING:
            return "connecting"
        case (
            State.STOPPED
            | State.COOLDOWN
            | State.HELD
            | State.LOGGED_OUT
            | State.BANNED
            | State.OUTDATED
        ):
            return "close"
        case _:
            assert_never(state)
