"""The requests of the API: what each takes, answers and refuses, over a real socket."""

from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.gateway.api.scripted import AT, Served
from waziterm.domain.errors import FleetError
from waziterm.domain.messages.codes import OnUnknown, Scope
from waziterm.domain.messages.message import Content, MessageKind, MessageState, NewMessage
from waziterm.domain.messages.queue import MessageRefusedError, RefusalCode
from waziterm.domain.webhooks.event import EventType, WebhookEvent

SHOP = "/v1/instances/shop-a/messages"
TEXT = {"to": "+4917012345678", "text": "your parcel is here"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def said(
    web: aiohttp.ClientSession, method: str, path: str, **more: Any
) -> tuple[int, dict[str, Any]]:
    async with web.request(method, path, **more) as answer:
        assert answer.content_type == "application/json", await answer.text()
        return answer.status, await answer.json()


async def test_a_text_is_taken(served: Served, web: aiohttp.ClientSession) -> None:
    status, told = await said(web, "POST", SHOP, json=TEXT | {"ref": "order-17", "priority": 9})
    assert status == 202
    assert told == {
        "id": "msg_00000000",
        "state": "queued",
        "instance": "shop-a",
        "to": "+49170••••678",
        "due": "2026-01-01T00:00:00.000Z",
    }
    taken = served.queue.taken["msg_00000000"]
    assert taken == NewMessage(
        "4917012345678@s.whatsapp.net",
        Content(MessageKind.TEXT, TEXT["text"]),
        ref="order-17",
        priority=9,
    )
    status, told = await said(web, "GET", f"/v1/messages/{told['id']}")
    assert (status, told["kind"], told["ref"], told["created"]) == (
        *(200, "text", "order-17"),
        "2026-01-01T00:00:00.000Z",
    )
    assert TEXT["text"] not in str(told)


async def test_all_that_may_be_said_of_a_message(
    served: Served, web: aiohttp.ClientSession
) -> None:
    body = {
        **{"to": "120363012345678901@g.us", "text": "yes", "reply_to": "3EB0AB12CD34EF56"},
        **{"reply_from": "4917012345678@s.whatsapp.net", "expires_in_s": 600},
        **{"on_unknown": "resend", "type": "text"},
    }
    assert (await said(web, "POST", SHOP, json=body))[0] == 202
    taken = served.queue.taken["msg_00000000"]
    assert taken.to == body["to"] and taken.expires_in_s == 600
    assert taken.on_unknown is OnUnknown.RESEND
    assert (taken.content.reply_to, taken.content.reply_from) == (
        body["reply_to"],
        body["reply_from"],
    )


async def test_an_image_and_a_document(served: Served, web: aiohttp.ClientSession) -> None:
    status, picture = await said(web, "POST", "/v1/media", data=PNG)
    assert (status, picture["bytes"]) == (201, len(PNG))
    status, paper = await said(web, "POST", "/v1/media", data=b"%PDF-1.7")
    image = {"to": TEXT["to"], "type": "image", "media": picture["id"], "text": "look"}
    assert (await said(web, "POST", SHOP, json=image))[0] == 202
    document = {
        **{"to": TEXT["to"], "type": "document", "media": paper["id"]},
        **{"file_name": "invoice.pdf"},
    }
    assert (await said(web, "POST", SHOP, json=document))[0] == 202
    first, second = (each.content for each in served.queue.taken.values())
    assert (first.kind, first.text, first.mime_type) == (MessageKind.IMAGE, "look", "image/png")
    assert (second.file_name, second.mime_type) == ("invoice.pdf", "application/pdf")
    assert (served.root / first.media).read_bytes() == PNG
    assert (served.root / first.media).stat().st_mode & 0o777 == 0o600
    assert (served.root / "media").stat().st_mode & 0o777 == 0o700
    (served.root / "media" / ("1" * 32)).symlink_to(served.root / first.media)
    for wrong in (
        image | {"media": paper["id"]},
        image | {"media": "0" * 32},
        image | {"media": "1" * 32},
        image | {"media": ""},
    ):
        status, told = await said(web, "POST", SHOP, json=wrong)
        assert (status, told["code"]) == (400, "wrong_content")
    assert len(served.queue.taken) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_request"),
        ({"to": TEXT["to"]}, "wrong_content"),
        (TEXT | {"text": ""}, "wrong_content"),
        (TEXT | {"text": " \n"}, "wrong_content"),
        (TEXT | {"text": "x" * 4097}, "bad_request"),
        (TEXT | {"text": 7}, "bad_request"),
        (TEXT | {"text": None}, "bad_request"),
        (TEXT | {"txt": "hi"}, "bad_request"),
        (TEXT | {"type": "video"}, "bad_request"),
        (TEXT | {"type": None}, "bad_request"),
        (TEXT | {"type": []}, "bad_request"),
        (TEXT | {"media": "../waziterm.db"}, "bad_request"),
        (TEXT | {"media": "0" * 32}, "wrong_content"),
        (TEXT | {"priority": 10}, "bad_request"),
        (TEXT | {"priority": True}, "bad_request"),
        (TEXT | {"expires_in_s": 0}, "bad_request"),
        (TEXT | {"expires_in_s": 1e300}, "bad_request"),
        (TEXT | {"expires_in_s": 10**400}, "bad_request"),
        (TEXT | {"on_unknown": "twice"}, "bad_request"),
        (TEXT | {"reply_to": "../x"}, "bad_request"),
        (TEXT | {"reply_from": "me"}, "wrong_recipient"),
        (TEXT | {"reply_from": "4917012345678@s.whatsapp.net"}, "wrong_content"),
        (TEXT | {"reply_to": "3EB0"}, "bad_request"),
        (TEXT | {"text": "a\0b"}, "wrong_content"),
        (TEXT | {"ref": "a\nb"}, "bad_request"),
        (TEXT | {"ref": "x" * 129}, "bad_request"),
        (TEXT | {"to": ""}, "bad_request"),
        (TEXT | {"to": "4917012345678"}, "wrong_recipient"),
        (TEXT | {"to": "+49 170 123"}, "wrong_recipient"),
        (TEXT | {"to": "+4٩١٧٠١٢٣٤٥"}, "wrong_recipient"),
        (TEXT | {"to": "4917٠١٢٣٤٥@s.whatsapp.net"}, "wrong_recipient"),
        (TEXT | {"to": "status@broadcast"}, "wrong_recipient"),
        (TEXT | {"to": "120363012345678901@newsletter"}, "wrong_recipient"),
        (TEXT | {"to": "49170@c.us"}, "wrong_recipient"),
    ],
)
async def test_what_cannot_be_sent(
    served: Served, web: aiohttp.ClientSession, body: dict[str, object], code: str
) -> None:
    status, told = await said(web, "POST", SHOP, json=body)
    assert (status, told["code"]) == (400, code), told
    assert set(told) == {"error", "code", "hint"} and told["error"]
    assert served.queue.taken == {}


async def test_the_longest_text(served: Served, web: aiohttp.ClientSession) -> None:
    longest = "😀" * 4096
    assert (await said(web, "POST", SHOP, json=TEXT | {"text": longest}))[0] == 202
    assert served.queue.taken["msg_00000000"].content.text == longest


async def test_the_same_key_is_the_same_message(served: Served, web: aiohttp.ClientSession) -> None:
    key = {"Idempotency-Key": "order 17"}
    first = await said(web, "POST", SHOP, json=TEXT, headers=key)
    turned = dict(reversed(TEXT.items()))
    assert await said(web, "POST", SHOP, json=turned, headers=key) == first
    assert first[0] == 202 and len(served.queue.taken) == 1
    status, told = await said(web, "POST", SHOP, json=TEXT | {"text": "no"}, headers=key)
    assert (status, told["code"]) == (422, "other_body")
    other = served.bearer()
    served.kept[-1] = replace(served.kept[-1], view=replace(served.kept[-1].view, name="other"))
    assert (await said(web, "POST", SHOP, json=TEXT, headers=key | other))[0] == 202
    assert len(served.queue.taken) == 2, "another owner's key is another one"
    assert all(TEXT["text"] not in digest for digest, _ in served.queue.once.values())
    for wrong in ("", "x" * 256, "é"):
        status, told = await said(web, "POST", SHOP, json=TEXT, headers={"Idempotency-Key": wrong})
        assert (status, told["code"]) == (400, "bad_request")
    longest = {"Idempotency-Key": "x" * 255}
    assert (await said(web, "POST", SHOP, json=TEXT, headers=longest))[0] == 202


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (RefusalCode.INSTANCE_NOT_FOUND, 404),
        (RefusalCode.HELD, 409),
        (RefusalCode.BANNED, 409),
        (RefusalCode.LOGGED_OUT, 409),
        (RefusalCode.NOT_PAIRED, 409),
        (RefusalCode.OPTED_OUT, 409),
        (RefusalCode.OTHER_BODY, 422),
        (RefusalCode.QUEUE_FULL, 429),
        (RefusalCode.RATE, 429),
        (RefusalCode.WRONG_RECIPIENT, 400),
    ],
)
async def test_what_the_queue_refuses(
    served: Served, web: aiohttp.ClientSession, refusal: RefusalCode, status: int
) -> None:
    served.queue.refuse = MessageRefusedError(refusal, "no", "do so", retry_after_s=12.3)
    async with web.post(SHOP, json=TEXT) as answer:
        assert (answer.status, await answer.json()) == (
            status,
            {"error": "no", "code": refusal.value, "hint": "do so"},
        )
        assert answer.headers.get("Retry-After") == ("13" if status == 429 else None)


async def test_a_queue_that_fails(
    served: Served, web: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    served.queue.refuse = FleetError("the disk of /srv/secret-place is full")
    async with web.post(SHOP, json=TEXT) as answer:
        told = await answer.json()
        assert (answer.status, told["code"]) == (503, "unavailable")
        assert "secret-place" not in str(told) and answer.headers["Retry-After"] == "60"
    assert "secret-place is full" in caplog.text
    served.queue.refuse = RuntimeError(TEXT["text"])
    status, told = await said(web, "POST", SHOP, json=TEXT)
    assert (status, told["code"]) == (500, "fault")
    assert "RuntimeError" in caplog.text and "accept" in caplog.text
    assert TEXT["text"] not in caplog.text


async def test_the_list_and_its_pages(served: Served, web: aiohttp.ClientSession) -> None:
    for number in range(7):
        body = TEXT | {"ref": "even" if number % 2 == 0 else "odd"}
        assert (await said(web, "POST", SHOP, json=body))[0] == 202
    _, page = await said(web, "GET", "/v1/messages?ref=even&limit=3")
    assert [each["id"][-1] for each in page["messages"]] == ["6", "4", "2"]
    _, rest = await said(web, "GET", f"/v1/messages?ref=even&limit=3&before={page['next']}")
    assert [each["id"][-1] for each in rest["messages"]] == ["0"] and rest["next"] is None
    status, told = await said(web, "GET", "/v1/messages?before=msg_none")
    assert (status, told["code"]) == (404, "message_not_found")
    _, none = await said(web, "GET", "/v1/messages?state=failed")
    assert none == {"messages": [], "next": None}
    for wrong in (
        "state=lost",
        "limit=0",
        "limit=201",
        "limit=x",
        "before=a/b",
        "all=1",
        "ref=a&ref=b",
    ):
        status, told = await said(web, "GET", f"/v1/messages?{wrong}")
        assert (status, told["code"]) == (400, "bad_request"), wrong


async def test_cancel_and_resolve(served: Served, web: aiohttp.ClientSession) -> None:
    _, sent = await said(web, "POST", SHOP, json=TEXT)
    path = f"/v1/messages/{sent['id']}"
    status, told = await said(web, "POST", f"{path}/cancel")
    assert (status, told["state"]) == (200, "cancelled")
    served.queue.refuse = MessageRefusedError(RefusalCode.MESSAGE_NOT_FOUND, "no")
    assert (await said(web, "POST", f"{path}/cancel"))[0] == 404
    status, told = await said(web, "POST", f"{path}/resolve", json={"how": "resend"})
    assert (status, told["state"]) == (200, "queued")
    for wrong in ({}, {"how": "delete"}, {"how": "close", "why": "x"}):
        assert (await said(web, "POST", f"{path}/resolve", json=wrong))[0] == 400
    assert served.queue.views[sent["id"]].state is MessageState.QUEUED


async def test_a_token_sees_its_own_instances_alone(
    served: Served, web: aiohttp.ClientSession
) -> None:
    _, of_shop = await said(web, "POST", SHOP, json=TEXT)
    _, of_bar = await said(web, "POST", "/v1/instances/bar/messages", json=TEXT)
    shops = served.bearer(instances=("shop-*",))
    _, page = await said(web, "GET", "/v1/messages", headers=shops)
    assert [each["id"] for each in page["messages"]] == [of_shop["id"]] and page["next"] is None
    for name in ("bar", "nobody", "shop"):
        path = f"/v1/instances/{name}/messages"
        status, told = await said(web, "POST", path, data=b"{", headers=shops)
        assert (status, told["code"]) == (403, "instance"), name
    status, told = await said(
        web, "POST", "/v1/instances/shop-z/messages", data=b"{", headers=shops
    )
    assert (status, told["code"]) == (404, "instance_not_found")
    status, told = await said(web, "GET", "/v1/messages?instance=bar", headers=shops)
    assert status == 403
    for method, path in (
        ("GET", f"/v1/messages/{of_bar['id']}"),
        ("POST", f"/v1/messages/{of_bar['id']}/cancel"),
        ("POST", f"/v1/messages/{of_bar['id']}/resolve"),
        ("GET", "/v1/messages/msg_none"),
        ("GET", "/v1/messages/a%2Fb"),
    ):
        status, told = await said(web, method, path, headers=shops)
        assert (status, told["code"]) == (404, "message_not_found")
    assert served.queue.views[of_bar["id"]].state is MessageState.QUEUED


async def test_a_list_finds_its_own_behind_many_of_others(
    served: Served, web: aiohttp.ClientSession
) -> None:
    await said(web, "POST", SHOP, json=TEXT)
    of_bar = next(iter(served.queue.views.values()))
    for number in range(1, 900):
        view = replace(of_bar, id=f"msg_{number:08x}", instance="bar")
        served.queue.views[view.id] = view
    shops = served.bearer(instances=("shop-*",))
    _, page = await said(web, "GET", "/v1/messages?limit=1", headers=shops)
    assert [each["instance"] for each in page["messages"]] == ["shop-a"]


async def test_scopes(served: Served, web: aiohttp.ClientSession) -> None:
    _, sent = await said(web, "POST", SHOP, json=TEXT)
    reads, sends = served.bearer((Scope.READ,)), served.bearer((Scope.SEND,))
    for method, path in (
        ("POST", SHOP),
        ("POST", "/v1/media"),
        ("POST", f"/v1/messages/{sent['id']}/cancel"),
        ("POST", f"/v1/messages/{sent['id']}/resolve"),
    ):
        status, told = await said(web, method, path, headers=reads)
        assert (status, told["code"]) == (403, "scope")
    for path in ("/v1/messages", f"/v1/messages/{sent['id']}", "/v1/messages/none"):
        status, told = await said(web, "GET", path, headers=sends)
        assert (status, told["code"]) == (403, "scope")
    for headers in (reads, sends):
        assert (await said(web, "GET", "/v1/openapi.json", headers=headers))[0] == 200
    assert (await said(web, "GET", "/v1/messages", headers=reads))[0] == 200
    assert (await said(web, "POST", SHOP, json=TEXT, headers=sends))[0] == 202


async def test_what_is_described_is_what_is_answered(
    served: Served, web: aiohttp.ClientSession
) -> None:
    _, described = await said(web, "GET", "/v1/openapi.json")
    assert described["openapi"] == "3.1.0"
    root: Resource[Any] = Resource.from_contents(
        {"$schema": described["jsonSchemaDialect"], **described}
    )
    registry: Registry[Any] = Registry().with_resource("urn:api", root)

    def check(name: str, told: object) -> None:
        schema = {"$ref": f"urn:api#/components/schemas/{name}"}
        Draft202012Validator(schema, registry=registry).validate(told)

    for each in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(each)
    check("MessageBody", TEXT)
    _, sent = await said(web, "POST", SHOP, json=TEXT)
    check("Accepted", sent)
    check("Message", (await said(web, "GET", f"/v1/messages/{sent['id']}"))[1])
    check("MessagePage", (await said(web, "GET", "/v1/messages"))[1])
    check("Uploaded", (await said(web, "POST", "/v1/media", data=PNG))[1])
    check("Failure", (await said(web, "POST", SHOP, json={}))[1])
    body = Draft202012Validator(described["components"]["schemas"]["MessageBody"])
    for wrong in ({}, TEXT | {"x": 1}, TEXT | {"text": "x" * 4097}, TEXT | {"priority": 11}):
        assert not body.is_valid(wrong)
    assert not body.is_valid(TEXT | {"ref": "a\nb"}) and body.is_valid(TEXT | {"ref": "é"})


async def test_no_command_of_the_fleet_is_answered(
    served: Served, web: aiohttp.ClientSession
) -> None:
    from waziterm.domain.fleet.api import Fleet, Shown
    from waziterm.domain.fleet.verbs import verbs_of

    # A verb about messages has the path that the API has for the same, and other answers.
    _, described = await said(web, "GET", "/v1/openapi.json")
    own = {
        (method.upper(), path.replace("{id}", "{message}"))
        for path, methods in described["paths"].items()
        for method in methods
    }
    for owner in (Fleet, Shown):
        for verb in verbs_of(owner).values():
            if verb.path and (verb.method, verb.path) not in own:
                path = verb.path.replace("{name}", "shop-a")
                status, _ = await said(web, verb.method, path)
                assert status in (404, 405), f"{verb.method} {verb.path}"
    for path in ("/health", "/ready", "/metrics", "/", "/v1"):
        assert (await said(web, "GET", path))[0] == 404
    async with web.delete(SHOP) as answer:
        assert answer.status == 405 and answer.headers["Allow"] == "POST"


async def test_events_are_told_page_by_page_to_the_scope_that_receives(
    served: Served, web: aiohttp.ClientSession
) -> None:
    path = "/v1/instances/shop-a/events"
    data = {"number": "4917012345678", "chat": "4917012345678@s.whatsapp.net", "text": "hi"}
    served.happened = [
        WebhookEvent(f"evt_{seq}", "i1", "shop-a", seq, EventType.MESSAGE_RECEIVED, AT, data)
        for seq in range(1, 6)
    ]
    status, told = await said(web, "GET", path, params={"limit": 2})
    assert status == 200 and [each["seq"] for each in told["events"]] == [1, 2]
    assert told["events"][0] == {
        **{"type": "message.received", "timestamp": "2026-01-01T00:00:00.000Z"},
        **{"instance": "shop-a", "seq": 1},
        "data": {
            "number": "+49170••••5678",
            "chat": "+49170••••5678@s.whatsapp.net",
            "text": "hi",
        },
    }
    status, told = await said(web, "GET", path, params={"after": told["next"]})
    assert [each["seq"] for each in told["events"]] == [3, 4, 5] and told["next"] == 5
    assert await said(web, "GET", path, params={"after": 5}) == (200, {"events": [], "next": 5})
    for wrong in ({"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"state": "sent"}):
        assert (await said(web, "GET", path, params=wrong))[0] == 400, wrong
    assert (await said(web, "GET", "/v1/instances/none/events"))[0] == 404
    for scopes, instances, code in (
        ((Scope.SEND, Scope.READ, Scope.MANAGE), ("*",), "scope"),
        ((Scope.RECEIVE,), ("bar",), "instance"),
    ):
        headers = served.bearer(scopes, instances)
        status, told = await said(web, "GET", path, headers=headers)
        assert (status, told["code"]) == (403, code)
