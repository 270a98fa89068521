"""Media that a client names by its address: what comes, and what is never asked for."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.gateway.api.scripted import HOST
from tests.gateway.facade.served import CALLED, TEXT, TO, serving_facade
from waziterm.domain.messages.message import MessageKind
from waziterm.gateway import media as media_of
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.facade import answering, fetching
from waziterm.gateway.facade.answers import FacadeError
from waziterm.gateway.facade.fetching import Fetched, Fetching
from waziterm.gateway.media import Media

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PDF = b"%PDF-1.7\n" + bytes(100)
NOT_FETCHED = "The media could not be fetched"


def found_at(url: str) -> web.Response:
    return web.Response(status=302, headers={"Location": url})


class Origin:
    """A server of files, which notes what it was asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[str] = []

    def url(self, path: str, host: str = HOST) -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def origin(**answers: Callable[[web.Request], Any]) -> AsyncIterator[Origin]:
    found = Origin(0)

    async def handler(request: web.Request) -> web.StreamResponse:
        found.asked.append(request.raw_path)
        made = answers.get(request.path.strip("/").partition(".")[0])
        assert not {"Authorization", "Cookie"} & set(request.headers)
        if made is None:
            return web.Response(status=404)
        answer = made(request)
        answer = await answer if asyncio.iscoroutine(answer) else answer
        assert isinstance(answer, web.StreamResponse)
        return answer

    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        await web.SockSite(runner, listener).start()
        found.port = listener.getsockname()[1]
        try:
            yield found
        finally:
            await runner.cleanup()


def fetching_in(folder: Path, may: Callable[[str], bool] = lambda _: True) -> Fetching:
    return Fetching(Media(folder, 1_000_000), may)


async def refusal(fetching: Fetching, url: str) -> str:
    with pytest.raises(FacadeError) as caught:
        await fetching.fetch(url, "")
    return str(caught.value)


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "media").glob("*"))]


async def test_what_is_fetched(tmp_path: Path) -> None:
    async with origin(
        png=lambda _: web.Response(body=PNG, content_type="application/octet-stream"),
        pdf=lambda _: web.Response(body=PDF, content_type="application/pdf"),
        odd=lambda _: web.Response(body=PDF, headers={"Content-Type": "a b\t;"}),
        far=lambda _: found_at("/png.png?x=%20"),
    ) as server:
        fetcher = fetching_in(tmp_path)
        image = await fetcher.fetch(server.url("/png.png"), "x.png")
        assert image == Fetched(MessageKind.IMAGE, image.path, "", "image/png")
        assert (tmp_path / image.path).read_bytes() == PNG
        bill = await fetcher.fetch(server.url("/pdf.pdf"), "../bill\n.pdf")
        assert bill[2:] == ("..bill.pdf", "application/pdf")
        bill = await fetcher.fetch(server.url("/pdf.dir/a%2Fb%20c.pdf"), "")
        assert bill[2:] == ("ab c.pdf", "application/pdf")
        odd = await fetcher.fetch(server.url("/odd.pdf"), "x.pdf")
        assert odd[2:] == ("x.pdf", "application/pdf")
        assert (await fetcher.fetch(server.url("/pdf/"), "")).file_name == "file"
        assert (await fetcher.fetch(server.url("/far"), "")).kind is MessageKind.IMAGE


async def test_what_cannot_be_fetched_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"a")
        await asyncio.Event().wait()
        return answer

    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"a")
        assert request.transport is not None
        request.transport.close()
        return answer

    async with origin(
        packed=lambda _: web.Response(body=b"x", headers={"Content-Encoding": "gzip"}),
        around=lambda _: found_at("/around"),
        away=lambda _: found_at("file:///etc/passwd"),
        ftp=lambda _: found_at("ftp://127.0.0.1/x"),
        empty=lambda _: web.Response(),
        large=lambda _: web.Response(body=bytes(1_000_001)),
        slow=slow,
        cut=cut,
    ) as server:
        fetcher = fetching_in(tmp_path)
        assert await refusal(fetcher, server.url("/none")) == (
            f"{NOT_FETCHED}: its server answers 404"
        )
        for path in ("around", "away", "ftp", "cut"):
            assert await refusal(fetcher, server.url(f"/{path}")) == NOT_FETCHED, path
        assert await refusal(fetcher, server.url("/packed")) == (
            f"{NOT_FETCHED}: its server sends it compressed"
        )
        for path, code in (("empty", "bad_request"), ("large", "media_full")):
            with pytest.raises(ApiError) as caught:
                await fetcher.fetch(server.url(f"/{path}"), "")
            assert caught.value.code == code
        monkeypatch.setattr(fetching, "FETCH_S", 0.3)
        assert await refusal(fetcher, server.url("/slow")) == NOT_FETCHED
        monkeypatch.setattr(media_of, "MOST_MEDIA_BYTES", 100)
        with pytest.raises(ApiError) as caught:
            await fetcher.fetch(server.url("/large"), "")
        assert caught.value.code == "too_large"
    assert kept(tmp_path) == []


async def test_nothing_but_the_internet_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real rule: this machine is no part of the internet."""
    async with origin(png=lambda _: web.Response(body=PNG)) as server:
        fetcher = Fetching(Media(tmp_path, 1_000_000))
        for host in (
            *("127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f000001", "127.1"),
            *("0177.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"),
        ):
            assert await refusal(fetcher, server.url("/png", host)) == NOT_FETCHED, host
        for wrong in (
            *("", "x", "/etc/passwd", "file:///etc/passwd", "gopher://a", "http://", "http:///x"),
            *("http://user:pass@127.0.0.1/", "http://127.0.0.1:0/", "http://a:99999/"),
            *("http://[::1", "http://a\r\nHost: b", "data:text/plain,x", f"http://a/{'x' * 2000}"),
        ):
            assert await refusal(fetcher, wrong) == "Media url is not a valid URL", wrong

        # A name that leads elsewhere the next time it is asked for: what is connected with counts.
        answers = iter([("93.184.216.34",), (HOST,)])

        def look_up(*args: Any, **_: Any) -> list[Any]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, (each, args[1])) for each in next(answers, (HOST,))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        seen: list[str] = []

        def may(address: str) -> bool:
            seen.append(address)
            return False

        assert await refusal(
            Fetching(Media(tmp_path, 1), may), server.url("/png", "a.example")
        ) == (NOT_FETCHED)
        assert await refusal(fetcher, server.url("/png", "a.example")) == NOT_FETCHED
        assert seen == ["93.184.216.34"]
    assert server.asked == [] and kept(tmp_path) == []


async def test_names_that_nobody_answers_for_keep_nobody_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        ends.wait(60)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    fetcher = fetching_in(tmp_path)
    asking = [
        asyncio.create_task(refusal(fetcher, f"http://host{each}.example/png"))
        for each in range(50)
    ]
    try:
        async with asyncio.timeout(20):
            # Those for whom there is no thread are refused; the others wait.
            done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            assert {each.result() for each in done} == {NOT_FETCHED}
            assert await asyncio.to_thread(tmp_path.exists)
            looking = [each for each in threading.enumerate() if each.name == "look-up"]
            assert 1 < len(looking) < 20
            ends.set()
            assert set(await asyncio.gather(*asking)) == {NOT_FETCHED}
    finally:
        ends.set()
        await asyncio.wait(asking)


async def test_a_redirect_leads_nowhere_else(tmp_path: Path) -> None:
    async with origin(png=lambda _: web.Response(body=PNG)) as inner:
        to = inner.url("/png", "localhost")
        async with origin(away=lambda _: found_at(to)) as outer:
            # The first one is of the internet, as far as this test goes.
            seen: list[str] = []

            def first(address: str) -> bool:
                seen.append(address)
                return len(seen) == 1

            assert await refusal(fetching_in(tmp_path, first), outer.url("/away")) == NOT_FETCHED
            assert outer.asked == ["/away"] and inner.asked == []


async def test_media_is_sent_as_what_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "Fetching", lambda media: Fetching(media, lambda _: True))
    said = {"instance_id": CALLED, "number": TO, "type": "media", "message": TEXT}
    async with (
        serving_facade(folder, "shop") as served,
        origin(
            png=lambda _: web.Response(body=PNG),
            pdf=lambda _: web.Response(body=PDF, content_type="application/pdf"),
        ) as server,
    ):
        told = await served.said("/api/send", media_url=server.url("/png"), **said)
        assert told["message"]["message"] == {
            "imageMessage": {"caption": TEXT, "mimetype": "image/png"}
        }
        first = told["message"]["key"]["id"]
        told = await served.said("/api/send", media_url=server.url("/png"), **said)
        assert told["message"]["key"]["id"] == first
        assert server.asked == ["/png"], "what was taken is not fetched again"
        bill = {"media_url": server.url("/pdf"), "filename": "bill.pdf"}
        told = await served.said("/api/send_group", group_id="12345-6789012", **(said | bill))
        assert told["message"]["message"]["documentMessage"]["fileName"] == "bill.pdf"
        document, image = await served.manager.messages()
        assert (image.kind, document.kind) == (MessageKind.IMAGE, MessageKind.DOCUMENT)
        assert set(kept(served.root)) == {PNG, PDF}


async def test_a_token_that_is_revoked_while_media_comes_sends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "Fetching", lambda media: Fetching(media, lambda _: True))
    async with serving_facade(folder, "shop") as served:

        async def revoking(_: web.Request) -> web.Response:
            await served.manager.revoke_token("old")
            return web.Response(body=PNG)

        async with origin(png=revoking) as server:
            said = {"instance_id": CALLED, "number": TO, "media_url": server.url("/png")}
            told = await served.said("/api/send", **said)
        assert told["message"] == "Access token does not exist"
        assert await served.manager.messages() == ()


async def test_too_many_at_once_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_of, "MOST_AT_ONCE", 0)
    async with origin(png=lambda _: web.Response(body=PNG)) as server:
        with pytest.raises(ApiError) as caught:
            await fetching_in(tmp_path).fetch(server.url("/png"), "")
        assert caught.value.code == "rate"
