"""Requests of old clients, in the forms in which they come."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.facade.served import CALLED, TEXT, TO, Served


async def test_php_posts_a_form(served: Served) -> None:
    told = await served.said(
        "/api/send.php", instance_id=CALLED, number=TO, type="text", message=TEXT
    )
    (view,) = await served.manager.messages()
    assert told["status"] == "success" and view.instance == "shop"
    message = told["message"]
    assert message["status"] == "SUCCESS"
    assert message["key"] == {"remoteJid": f"{TO}@s.whatsapp.net", "fromMe": True, "id": view.id}
    assert message["message"] == {"extendedTextMessage": {"text": TEXT}}
    assert await served.texts() == [("shop", "+49170••••5678", TEXT)]


async def test_php_posts_an_array_which_is_multipart(served: Served) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    said = {"access_token": served.token, "instance_id": CALLED, "number": TO, "message": TEXT}
    for name, value in said.items():
        form.add_field(name, value)
    form.add_field("file", b"\x00\xff", filename="x.bin")
    assert (await served.asked("/api/send.php", data=form))["status"] == "success"
    assert [text for _, _, text in await served.texts()] == [TEXT]


async def test_a_script_posts_json(served: Served) -> None:
    said = {"number": int(TO), "type": "text", "message": f"{TEXT}\n2", "instance_id": CALLED}
    told = await served.asked("/api/send", json=said | {"access_token": served.token})
    assert told["status"] == "success"
    # As `fetch` of a browser and as curl of PHP send it, who say nothing of JSON.
    for number, kind in enumerate(
        ("text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/json")
    ):
        body = json.dumps(said | {"message": f"{TEXT} {number}", "access_token": served.token})
        told = await served.asked(
            "/api/send", data=b"\xef\xbb\xbf" + body.encode(), headers={"Content-Type": kind}
        )
        assert told["status"] == "success", told
    assert len(await served.texts()) == 4


async def test_a_get_has_all_in_its_query(served: Served) -> None:
    said = {"number": f"+{TO}", "type": "text", "message": "a+b & ü", "instance_id": CALLED}
    query = urlencode(said | {"access_token": served.token})
    assert (await served.asked(f"/api/send?{query}", "GET"))["status"] == "success"
    assert [text for _, _, text in await served.texts()] == ["a+b & ü"]


async def test_the_token_in_the_query_and_the_rest_in_the_body(served: Served) -> None:
    query = urlencode({"access_token": served.token, "instance_id": CALLED, "message": "not this"})
    told = await served.asked(f"/api/send?{query}", json={"number": TO, "message": TEXT})
    assert told["status"] == "success"
    assert [text for _, _, text in await served.texts()] == [TEXT]


async def test_paths(served: Served) -> None:
    for path in (
        *("/api/get_groups", "/api/get_groups.php", "/api/getgroups.php", "/api/getgroups"),
        *("/get_groups", "/getgroups.php", "/api/get_groups/", "/API/GetGroups.php"),
    ):
        for method in ("GET", "POST"):
            told = await served.said(path, method, instance_id=CALLED)
            assert told == {"status": "success", "message": "Success", "data": []}


async def test_numbers_as_clients_write_them(served: Served) -> None:
    for number, to in (
        (TO, f"{TO}@s.whatsapp.net"),
        (f"+{TO}", f"{TO}@s.whatsapp.net"),
        (" +49 (170) 123-45.678 ", f"{TO}@s.whatsapp.net"),
        (f"{TO}@c.us", f"{TO}@s.whatsapp.net"),
        (f"{TO}@s.whatsapp.net", f"{TO}@s.whatsapp.net"),
        ("77001234567890@lid", "77001234567890@lid"),
    ):
        told = await served.said("/api/send", instance_id=CALLED, number=number, message=TEXT)
        assert told["message"]["key"]["remoteJid"] == to


async def test_groups(served: Served) -> None:
    for path in ("/api/send_group", "/api/sendgroup.php", "/api/sendgroupmsg.php"):
        for group, to in (
            ("120363041234567890@g.us", "120363041234567890@g.us"),
            ("84987694574-1618740914@g.us", "84987694574-1618740914@g.us"),
            ("84987694574-1618740914", "84987694574-1618740914@g.us"),
        ):
            said = {"group_id": group, "type": "text", "message": TEXT}
            told = await served.said(path, instance_id=CALLED, **said)
            assert told["message"]["key"]["remoteJid"] == to


NOT_VALID = "Phone number is not valid: digits with the country code"


REFUSED: tuple[tuple[str, dict[str, str | None], str], ...] = (
    ("send", {"access_token": None}, "Access token is required"),
    ("send", {"access_token": ""}, "Access token is required"),
    ("send", {"access_token": "64c4bcc7c05b1"}, "Access token does not exist"),
    ("send", {"instance_id": None}, "Instance ID is required"),
    ("send", {"instance_id": "609ACF28300AC"}, "Instance ID Invalidated"),
    ("send", {"instance_id": "no-such"}, "Instance ID Invalidated"),
    ("send", {"number": None}, "Phone number is required"),
    ("send", {"number": "12"}, NOT_VALID),
    ("send", {"number": "0170 1234567"}, NOT_VALID),
    ("send", {"number": "status@broadcast"}, NOT_VALID),
    ("send", {"number": "1@newsletter"}, NOT_VALID),
    ("send", {"number": "\u0664" * 10}, NOT_VALID),
    ("send", {"message": None}, "Please enter media url or message"),
    ("send", {"message": " \n"}, "Please enter media url or message"),
    ("send", {"type": "media"}, "Please enter media url or message"),
    ("send", {"type": "template"}, "Type must be text or media"),
    ("send", {"message": "x" * 4097}, "a text may have 4096 characters"),
    ("send", {"message": "a\0b"}, "a text has to be Unicode without NUL characters"),
    ("send", {"type": "media", "media_url": "ftp://a.example/x"}, "Media url is not a valid URL"),
    ("send_group", {}, "Group ID is required"),
    ("send_group", {"group_id": TO + "@s.whatsapp.net"}, "Group ID is not valid"),
    ("send_group", {"group_id": "../x"}, "Group ID is not valid"),
    ("set_webhook", {}, "Enable field is required"),
    ("set_webhook", {"enable": "maybe"}, "Enable field is required"),
    ("set_webhook", {"enable": "true"}, "Webhook URL is required"),
    ("nothing", {}, "There is no such request"),
)


async def test_what_is_refused_is_said_in_the_words_that_clients_know(served: Served) -> None:
    whole = {"instance_id": CALLED, "number": TO, "type": "text", "message": TEXT}
    for path, said, message in REFUSED:
        for method in ("GET", "POST"):
            told = await served.said(f"/api/{path}", method, **(whole | said))
            assert (told["status"], told["message"]) == ("error", message)
            assert "relogin" not in told
    assert await served.texts() == []


async def test_a_name_is_an_id_too_and_an_id_may_be_in_lower_case(served: Served) -> None:
    for called in ("bar", "shop", CALLED.lower()):
        told = await served.said("/api/send", instance_id=called, number=TO, message=TEXT)
        assert told["status"] == "success"
    assert [name for name, _, _ in await served.texts()] == ["bar", "shop"], "the same within 30 s"


async def test_the_same_within_30_s_is_the_first_one(served: Served) -> None:
    async def sent(**more: str) -> str:
        said = {"instance_id": CALLED, "number": TO, "message": TEXT} | more
        told = await served.said("/api/send", **said)
        return str(told["message"]["key"]["id"])

    first = await sent()
    assert first == await sent() == await sent(number=f"+{TO}", type="text")
    changes = ({"message": "x"}, {"number": "4917012345679"}, {"instance_id": "bar"})
    others = {await sent(**each) for each in changes}
    assert len(others | {first}) == 4
    other = (await served.manager.add_token("other")).token
    assert await sent(access_token=other) == first, "whoever asks"


async def test_a_token_sees_its_instances_alone(served: Served) -> None:
    token = (await served.manager.add_token("bars", "bar", "send,read,manage")).token
    said = {"access_token": token, "number": TO, "message": TEXT, "enable": "false"}
    for path in ("send", "get_qrcode", "get_paircode", "reconnect", "reboot", "reset_instance",
                 "set_webhook", "get_groups"):  # fmt: skip
        for called in (CALLED, "shop", "no-such"):
            told = await served.said(f"/api/{path}", instance_id=called, **said)
            assert told == {"status": "error", "message": "Instance ID Invalidated"}
    assert (await served.said("/api/send", instance_id="bar", **said))["status"] == "success"
    told = await served.said("/api/create_instance", access_token=token)
    assert told["message"] == "This access token is for certain instances, and can create none"


async def test_a_token_may_do_what_its_scopes_say(served: Served) -> None:
    said = {"instance_id": CALLED, "number": TO, "message": TEXT, "enable": "false"}
    manages = ("create_instance", "get_qrcode", "get_paircode", "reboot", "reset_instance",
               "set_webhook")  # fmt: skip
    for scopes, refused in (
        ("send,read", manages),
        ("read", (*manages, "send", "send_group")),
        ("manage", ("send", "send_group")),
    ):
        token = (await served.manager.add_token(scopes.replace(",", "-"), scopes=scopes)).token
        for path in refused:
            told = await served.said(f"/api/{path}", access_token=token, **said)
            assert told["message"] == "This access token is not for this request", path
            assert told["code"] == "scope"
        assert (await served.said("/api/get_groups", access_token=token, **said))[
            "status"
        ] == "success"
    assert await served.texts() == []


async def test_a_token_that_is_revoked_is_none(served: Served) -> None:
    await served.manager.revoke_token("old")
    told = await served.said("/api/get_groups", instance_id=CALLED)
    assert told["message"] == "Access token does not exist"


async def test_what_is_refused_by_the_queue(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waziterm.gateway.queue.MOST_QUEUED", 5)
    made = (await served.said("/api/create_instance"))["instance_id"]
    said = {"number": TO, "message": TEXT}
    told = await served.said("/api/send", instance_id=made, **said)
    assert told["message"] == "This instance ID has not been activated yet"
    assert told["relogin"] is True
    for number in range(5):
        told = await served.said("/api/send", instance_id=CALLED, number=TO, message=f"n{number}")
        assert told["status"] == "success", told
    told = await served.said("/api/send", instance_id=CALLED, **said)
    assert (told["status"], told["code"]) == ("error", "queue_full"), "a client that floods"
    assert "relogin" not in told and told["message"] == "5 messages of shop wait already"


SAYABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


async def test_each_form_is_read_as_the_same_message(served: Served) -> None:
    """What was said before within 30 s is the first message again, if it was read as the same."""
    loop = asyncio.get_running_loop()

    async def sent(**more: Any) -> str:
        told = await served.asked("/api/send", **more)
        assert told["status"] == "success", told
        return str(told["message"]["key"]["id"])

    async def in_all_forms(text: str, where: str) -> None:
        said = {"access_token": served.token, "instance_id": CALLED, "number": TO, "message": text}
        body = {name: value for name, value in said.items() if name != where}
        query = {where: said[where]} if where in said else {}
        parts = aiohttp.FormData(default_to_multipart=True)
        for name, value in body.items():
            parts.add_field(name, value)
        found = {
            await sent(method="GET", params=said),
            await sent(params=query, data=body),
            await sent(params=query, data=parts),
            await sent(params=query, json=body),
            await sent(params=query | {"message": "not this"}, json=said),
        }
        assert len(found) == 1
        assert (await served.manager.message_text(found.pop())).text == text

    @settings(
        max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        SAYABLE.filter(str.strip), st.sampled_from(("access_token", "number", "message", "none"))
    )
    def run(text: str, where: str) -> None:
        asyncio.run_coroutine_threadsafe(in_all_forms(text, where), loop).result(30)

    await asyncio.to_thread(run)
