"""The API before the real queue: a message to its end, and what hostile values meet in SQLite."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.api.real import Senders, real_queue
from tests.gateway.api.scripted import serving

SHOP = "/v1/instances/shop-a/messages"
TEXT = {"to": "+4917012345678", "text": "your parcel is here"}


async def test_a_message_to_its_end(tmp_path: Path) -> None:
    senders = Senders("shop-a")
    async with (
        real_queue(tmp_path, senders) as queue,
        serving(tmp_path, queue=queue) as served,
        aiohttp.ClientSession(served.url, headers=served.bearer()) as web,
    ):
        async with web.post(SHOP, json=TEXT, headers={"Idempotency-Key": "1"}) as answer:
            assert answer.status == 202, await answer.text()
            sent = await answer.json()
        async with web.post(SHOP, json=TEXT, headers={"Idempotency-Key": "1"}) as answer:
            assert (answer.status, (await answer.json())["id"]) == (202, sent["id"])
        async with web.post(
            SHOP, json=TEXT | {"ref": "x"}, headers={"Idempotency-Key": "1"}
        ) as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "other_body")
        async with asyncio.timeout(10):
            state = ""
            while state != "sent":
                async with web.get(f"/v1/messages/{sent['id']}") as answer:
                    state = (await answer.json())["state"]
        async with web.post(f"/v1/messages/{sent['id']}/cancel") as answer:
            assert (answer.status, (await answer.json())["code"]) == (409, "too_late")
        assert len(senders.sent) == 1
        async with web.post("/v1/instances/bar/messages", json=TEXT) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "instance_not_found")
        async with web.post("/v1/media", data=b"%PDF-1.7") as answer:
            paper = (await answer.json())["id"]
        document = {"to": TEXT["to"], "type": "document", "media": paper, "file_name": "a.pdf"}
        async with web.post(SHOP, json=document) as answer:
            assert answer.status == 202, await answer.text()


@pytest.mark.parametrize("value", ["%FF", "%ED%A0%80", "%00", "%F0%9F%98%80", "'", "%25", ""])
async def test_hostile_values(tmp_path: Path, value: str) -> None:
    from yarl import URL

    async with (
        real_queue(tmp_path, Senders("shop-a")) as queue,
        serving(tmp_path, queue=queue) as served,
        aiohttp.ClientSession(headers=served.bearer()) as web,
    ):
        async with web.post(served.url + SHOP, json=TEXT) as answer:
            assert answer.status == 202
        for path in (
            f"/v1/messages?ref={value}",
            f"/v1/messages?instance={value}",
            f"/v1/messages?before={value}",
            f"/v1/messages?{value}=1",
            f"/v1/messages/x{value}",
        ):
            async with web.get(URL(served.url + path, encoded=True)) as answer:
                assert answer.status in (200, 400, 404), (path, await answer.text())
        for path in (f"/v1/instances/x{value}/messages", f"/v1/messages/x{value}/cancel"):
            async with web.post(URL(served.url + path, encoded=True), json=TEXT) as answer:
                assert answer.status == 404, (path, await answer.text())
