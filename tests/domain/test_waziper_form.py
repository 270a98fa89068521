"""Events as the webhooks of Waziper tell them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.inbound import (
    InboundKind,
    InboundMedia,
    LostWhy,
    MessageLost,
    Received,
)
from waziterm.domain.messages.message import Message, MessageKind, MessageState
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.bodies import data_of, data_of_message, type_after, type_of
from waziterm.domain.webhooks.event import EventType, Json, WebhookEvent
from waziterm.domain.webhooks.target import Form, Target
from waziterm.domain.webhooks.waziper_form import waziper_body

AT = 1_767_225_600.0
CALLED = "609ACF28300AB"
TARGET = Target(
    *("facade/0123", Secret("https://a.example")),
    numbers=Numbers.FULL,
    form=Form.WAZIPER,
)
HELLO = Received(
    *("3EB0A1", "77001@lid", "77001@lid", AT, InboundKind.TEXT, "hello"),
    number="4915112345678",
    push_name="Ana",
)


def event(type_: EventType, data: Json) -> WebhookEvent:
    return WebhookEvent("evt_1", "0123", "shop", 1, type_, AT, data)


def told(what: Received | MessageLost, target: Target = TARGET) -> Json | None:
    return waziper_body(event(type_of(what), data_of(what)), target, CALLED)


def message_of(what: Received, target: Target = TARGET) -> Json:
    body = told(what, target)
    assert body is not None and set(body) == {"instance_id", "data"}
    assert body["data"]["event"] == "messages.upsert"
    upsert = body["data"]["data"]
    assert upsert["type"] == "notify"
    (found,) = upsert["messages"]
    assert isinstance(found, dict)
    return found


def test_a_text_as_clients_read_it() -> None:
    assert told(HELLO) == {
        "instance_id": CALLED,
        "data": {
            "event": "messages.upsert",
            "data": {
                "messages": [
                    {
                        "key": {
                            "remoteJid": "4915112345678@s.whatsapp.net",
                            "fromMe": False,
                            "id": "3EB0A1",
                        },
                        "messageTimestamp": int(AT),
                        "pushName": "Ana",
                        "message": {"conversation": "hello"},
                    }
                ],
                "type": "notify",
            },
        },
    }


def test_without_an_id_of_its_own_it_is_called_by_its_name() -> None:
    body = waziper_body(event(type_of(HELLO), data_of(HELLO)), TARGET)
    assert body is not None and body["instance_id"] == "shop"


def test_whom_an_answer_goes_to() -> None:
    unknown = replace(HELLO, number="")
    assert message_of(unknown)["key"]["remoteJid"] == "77001@lid"
    own = replace(HELLO, is_own=True)
    assert message_of(own)["key"] == {"remoteJid": "77001@lid", "fromMe": True, "id": "3EB0A1"}
    group = replace(HELLO, chat="120363041234567890@g.us", is_group=True)
    assert message_of(group)["key"] == {
        "remoteJid": "120363041234567890@g.us",
        "fromMe": False,
        "id": "3EB0A1",
        "participant": "4915112345678@s.whatsapp.net",
    }
    assert message_of(replace(group, number=""))["key"]["participant"] == "77001@lid"


def test_numbers_are_masked_for_whom_they_are_not() -> None:
    masked = json.dumps(told(HELLO, replace(TARGET, numbers=Numbers.MASKED)))
    assert "4915112345678" not in masked


def test_an_answer_and_what_it_answers() -> None:
    answer = replace(HELLO, reply_to="3EB0FF")
    assert message_of(answer)["message"] == {
        "extendedTextMessage": {"text": "hello", "contextInfo": {"stanzaId": "3EB0FF"}}
    }
    reaction = replace(answer, kind=InboundKind.REACTION, text="👍")
    assert message_of(reaction)["message"]["reactionMessage"]["key"]["id"] == "3EB0FF"


def test_media() -> None:
    media = InboundMedia("application/pdf", 12, "bill.pdf", "ab" * 32, "the-reference")
    document = replace(HELLO, kind=InboundKind.DOCUMENT, text="see", media=media)
    assert message_of(document)["message"] == {
        "documentMessage": {
            "caption": "see",
            "mimetype": "application/pdf",
            "fileLength": "12",
            "fileName": "bill.pdf",
        }
    }
    assert "the-reference" not in json.dumps(told(document))


@given(st.sampled_from(InboundKind), st.text(), st.text(), st.text(), st.booleans(), st.booleans())
def test_whatever_comes_is_json(
    kind: InboundKind, text: str, name: str, replied: str, own: bool, group: bool
) -> None:
    body = told(
        replace(
            HELLO,
            kind=kind,
            text=text,
            push_name=name,
            reply_to=replied,
            is_own=own,
            is_group=group,
            media=InboundMedia(name, -1, text) if own else None,
        )
    )
    assert json.loads(json.dumps(body)) == body


def test_how_far_a_message_has_come() -> None:
    sent = Message(
        *("msg_1", "0123", "4915112345678@s.whatsapp.net", MessageKind.TEXT, MessageState.SENT),
        *(AT, AT, AT + 60, OnUnknown.HOLD),
        whatsapp_id="3EB0A1",
        sent_at=AT,
    )
    statuses: dict[MessageState, int | None] = {}
    for state in MessageState:
        after = type_after(MessageState.SENDING, state)
        if after is None:
            continue
        message = replace(sent, state=state, code="463")
        body = waziper_body(event(after, data_of_message(message, AT)), TARGET, CALLED)
        if body is None:
            statuses[state] = None
            continue
        assert (body["instance_id"], body["data"]["event"]) == (CALLED, "messages.update")
        ((update),) = body["data"]["data"]
        assert update["key"] == {
            "remoteJid": "4915112345678@s.whatsapp.net",
            "fromMe": True,
            "id": "msg_1",
        }
        statuses[state] = update["update"]["status"]
    assert statuses == {
        MessageState.SENT: 2,
        MessageState.DELIVERED: 3,
        MessageState.READ: 4,
        MessageState.FAILED: 0,
        MessageState.EXPIRED: 0,
        MessageState.CANCELLED: 0,
        MessageState.UNKNOWN: None,
    }


def test_what_clients_know_no_event_for() -> None:
    assert told(MessageLost("3EB0A1", "77001@lid", AT, LostWhy.OLD_COUNTER)) is None


@pytest.mark.parametrize("state", list(State))
def test_connections(state: State) -> None:
    body = waziper_body(
        event(EventType.INSTANCE_STATE, {"state": state.value, "reason": "why", "code": "440"}),
        TARGET,
    )
    assert body is not None and body["data"]["event"] == "connection.update"
    data = body["data"]["data"]
    assert data["connection"] in ("open", "connecting", "close")
    assert (data["connection"] == "open") == (state in (State.CONNECTED, State.DEGRADED))
    assert data.get("relogin", False) == (state is State.LOGGED_OUT)
    if data["connection"] == "close":
        assert data["lastDisconnect"]["error"]["output"]["statusCode"] == 440
