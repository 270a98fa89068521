"""Requests about instances that need no WhatsApp: the others are in `tests/e2e/test_facade.py`."""

import asyncio
from pathlib import Path

import pytest

from tests.gateway.facade.served import CALLED, Served, serving_facade
from waziterm.config import load_settings
from waziterm.config.settings import Facade
from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.facade import waziper_id
from waziterm.domain.fleet.audit import AuditResult, Via
from waziterm.domain.lifecycle.states import State
from waziterm.domain.webhooks.target import Form
from waziterm.gateway.facade import linking

URL = "https://hooks.example/in?key=the-url-that-nobody-logs"


async def test_an_instance_is_made_and_called_by_its_id(served: Served) -> None:
    told = await served.said("/api/create_instance")
    called = told["instance_id"]
    assert told == {
        "status": "success",
        "message": "Instance ID generated successfully",
        "instance_id": called,
        "data": {"instance_id": called},
    }
    assert waziper_id(called) == called
    view = served.manager.view(called.lower())
    assert view.state is State.STOPPED and not view.paired, "nobody pairs it before it is asked for"
    await served.manager.rename(called.lower(), "pub")
    told = await served.said("/api/reconnect", instance_id=called)
    assert told == {"status": "error", "message": "Error", "relogin": True}
    (made,) = await served.manager.audit()
    assert (made.act, made.person.who, made.person.via) == ("add-all", "token:old", Via.FACADE)
    assert made.instances == (called.lower(),) and served.token not in repr(made)


async def test_the_name_is_one_that_the_token_is_for(served: Served) -> None:
    token = (await served.manager.add_token("shops", "bar,shop-*", "manage")).token
    called = (await served.said("/api/createinstance.php", access_token=token))["instance_id"]
    assert served.manager.view(f"shop-{called.lower()}").name
    told = await served.said("/api/reset_instance", access_token=token, instance_id=called)
    assert told == {"status": "success", "message": "Reset Instance ID was successful"}


async def test_a_client_that_creates_without_end_is_stopped(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "MOST_UNLINKED", 3)
    answers = await asyncio.gather(*(served.said("/api/create_instance") for _ in range(6)))
    assert sorted(each["status"] for each in answers) == ["error"] * 3 + ["success"] * 3
    assert {each["code"] for each in answers if each["status"] == "error"} == {"rate"}
    other = (await served.manager.add_token("other", scopes="manage")).token
    told = await served.said("/api/create_instance", access_token=other)
    assert told["status"] == "success", "one does not count for another"


async def test_a_linked_one_is_neither_linked_anew_nor_reset_nor_started(served: Served) -> None:
    for path in ("get_qrcode", "get_paircode"):
        told = await served.said(f"/api/{path}", instance_id=CALLED, phone="4917012345678")
        assert told == {"status": "error", "message": "Instance ID has been used"}
    told = await served.said("/api/reset_instance", instance_id=CALLED)
    assert (told["status"], told["code"]) == ("error", "linked")
    assert told["hint"] == "waziterm clean shop"
    for path in ("reboot", "reconnect"):
        told = await served.said(f"/api/{path}", instance_id=CALLED)
        assert (told["status"], told["code"]) == ("error", "stopped")
        assert "relogin" not in told
    assert served.manager.view("shop").state is State.STOPPED
    assert await served.manager.audit() == () and await served.manager.trash() == ()


async def test_one_that_is_not_linked_wants_a_scan(served: Served) -> None:
    called = (await served.said("/api/create_instance"))["instance_id"]
    for path in ("reboot", "reconnect"):
        told = await served.said(f"/api/{path}", instance_id=called)
        assert told == {"status": "error", "message": "Error", "relogin": True}
    for phone in (None, ""):
        told = await served.said("/api/get_paircode", instance_id=called, phone=phone)
        assert told["message"] == "Phone number is required"
    told = await served.said("/api/get_paircode", instance_id=called, phone="abc")
    assert told["message"] == "Phone number is not valid: digits with the country code"


async def test_webhooks_are_for_the_operator_unless_the_config_says_otherwise(
    served: Served, folder: Path
) -> None:
    url = 'https://a.example/"x'
    told = await served.said("/api/set_webhook", instance_id=CALLED, enable="true", webhook_url=url)
    assert told["message"] == "Webhooks are set by the operator here"
    config = folder / "config.toml"
    config.write_text(told["hint"])
    (webhook,) = load_settings(environ={}, data_dir=folder, file=config).webhooks
    assert webhook.target.url.reveal() == url and webhook.target.form is Form.WAZIPER
    assert webhook.target.instances == ("shop",) and webhook.target.numbers is Numbers.FULL
    assert await served.manager.facade.targets() == ()


async def test_clients_may_set_webhooks(folder: Path) -> None:
    async with serving_facade(folder, "shop", facade=Facade(set_webhook=True)) as served:

        async def set_to(url: str | None, enable: str = "true") -> str:
            told = await served.said(
                "/api/set_webhook", instance_id=CALLED, webhook_url=url, enable=enable
            )
            return str(told["message"])

        for wrong in (
            *("http://a.example", "https://", "https:///x", "https://a.example:0", "a.example"),
            *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://a b/"),
            *("https://user@a.example", "https://10.0.0.1", "https://ä.example", "file:///etc"),
            *("https://169.254.169.254/x", f"https://a.example/{'x' * 2000}", "https://[x"),
            *("https://a.example\r\nX: y", "//a.example", "javascript:alert(1)"),
        ):
            assert await set_to(wrong) == "Webhook URL is not a valid URL", wrong
        assert await set_to(URL) == "Webhook URI Saved"
        (target,) = await served.manager.facade.targets()
        assert target.url.reveal() == URL and target.must_be_public
        assert target.instances == ("shop",)
        (shown,) = await served.manager.webhooks()
        assert (
            shown.from_client
            and shown.where == "https://hooks.example"
            and "nobody-logs" not in repr(shown)
        )
        # Like all of [facade], that it may is read at the start.
        assert "facade.set_webhook" in (await served.manager.reload()).needs_restart
        await served.manager.webhooks_changed()
        assert [each.name for each in await served.manager.webhooks()] == [shown.name]
        # Whoever has set it is told nothing more when the token is revoked.
        await served.manager.revoke_token("old")
        assert await served.manager.facade.targets() == ()
        served.token = (await served.manager.add_token("old", scopes="manage")).token
        assert await served.manager.facade.targets() == (), "the new one has set nothing"
        assert await set_to(URL) == "Webhook URI Saved"
        assert len(await served.manager.facade.targets()) == 1
        assert await set_to(None, "false") == "Webhook URI Saved"
        assert await served.manager.facade.targets() == ()
        *_, made, ended = (
            each for each in await served.manager.audit() if each.act == "set-webhook"
        )
        assert made.person.who == "token:old" and made.person.via is Via.FACADE
        assert (made.instances, made.args) == (("shop",), {"where": "https://hooks.example"})
        assert (ended.args, ended.result) == ({}, AuditResult.DONE)
    log = served.root / "logs" / "waziterm.log"
    assert "the-url-that-nobody-logs" not in (log.read_text() if log.exists() else "")
