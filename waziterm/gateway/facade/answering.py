"""The facade's listener: who may ask, for what, and what an error looks like."""

import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.audit import Person, Via, audited, noted
from waziterm.domain.listeners import Listener
from waziterm.domain.messages.queue import MessageRefusedError
from waziterm.domain.messages.token import TokenView
from waziterm.gateway.api_error import ApiError
from waziterm.gateway.facade import answers
from waziterm.gateway.facade.answers import FacadeError, Json, refused
from waziterm.gateway.facade.behind import Asker, Behind
from waziterm.gateway.facade.fetching import Fetching
from waziterm.gateway.facade.linking import Linking
from waziterm.gateway.facade.parameters import parameters_of
from waziterm.gateway.facade.sending import Sending
from waziterm.gateway.listener import Hosts, Strangers, end_unread, listening, tell_fault
from waziterm.gateway.media import Media
from waziterm.gateway.request_body import later
from waziterm.health.clients import Clients, most_clients
from waziterm.manager.descriptors import descriptors

if TYPE_CHECKING:
    from waziterm.config.settings import Facade, Settings
    from waziterm.manager.manager import SessionManager

Handler = Callable[[Asker], Awaitable[Json]]

_PATH = re.compile(r"(?:/api)?/([a-z_]{1,40})(?:\.php)?/?", re.IGNORECASE | re.ASCII)
_UNFINISHED = ".fetch-"
_WRONG_USAGE = 2
"""The code of an error that tells what somebody gave wrongly."""

log = logging.getLogger(__name__)


def serve(fleet: "SessionManager", settings: "Settings") -> AbstractAsyncContextManager[None]:
    """Answer the facade of a manager; see `serve_facade`. settings: those that it was started
    with."""
    media = Media(settings.data_dir, settings.api.media_mb * 1_000_000, _UNFINISHED)
    return serve_facade(settings.facade, behind_of(fleet, settings, Fetching(media)), media)


def behind_of(fleet: "SessionManager", settings: "Settings", fetching: Fetching) -> Behind:
    """What stands behind the facade of a manager. settings: those that it was started with."""

    def person_of(owner: TokenView) -> Person:
        return Person(f"token:{owner.name}", os.getuid(), 0, Via.FACADE)

    return Behind(
        acting=lambda owner: audited(fleet, fleet.audit_log, person_of(owner)),
        noted=lambda owner, *act: noted(fleet.audit_log, person_of(owner), *act),
        queue=fleet.queue,
        owner_of=fleet.owner_of,
        instances=fleet.facade,
        fetching=fetching,
        takes_webhooks=settings.facade.set_webhook,
        webhooks_changed=fleet.webhooks_changed,
        now=fleet.now,
        elapsed=fleet.elapsed,
    )


@asynccontextmanager
async def serve_facade(facade: "Facade", behind: Behind, media: Media) -> AsyncIterator[None]:
    """Answer the facade where the settings say so while the context is open.

    facade: with an address. Raises FleetError, one line, when it must not be listened on, or
    cannot.
    """
    clients = Clients(most_clients(descriptors()) // 2, _told)
    application = web.Application(middlewares=[clients.counted])
    requests = Requests(facade, behind)
    application.router.add_route("*", "/{path:.*}", requests.answer, expect_handler=later)
    await media.clear()
    async with listening(Listener.FACADE, facade, application, clients):
        log.info("the facade answers on %s", facade.address)
        yield


def handlers_of(behind: Behind) -> Mapping[str, Handler]:
    """By the names of the requests, without underscores."""
    sending, linking = Sending(behind), Linking(behind)
    return {
        "send": sending.send,
        "sendgroup": sending.send_group,
        # As the oldest clients call it.
        "sendgroupmsg": sending.send_group,
        "createinstance": linking.create_instance,
        "getqrcode": linking.get_qrcode,
        "getpaircode": linking.get_paircode,
        "reconnect": linking.reconnect,
        "reboot": linking.reboot,
        "resetinstance": linking.reset_instance,
        "setwebhook": linking.set_webhook,
        "getgroups": linking.get_groups,
    }


class Requests:
    """Answers each request with 200, and says in its document what came of it."""

    def __init__(self, facade: "Facade", behind: Behind) -> None:
        self._behind = behind
        self._hosts = Hosts(facade)
        self._strangers = Strangers("the facade")
        self._handlers = handlers_of(behind)

    async def answer(self, request: web.Request) -> web.Response:
        """To be the handler of all paths."""
        answer = web.json_response(await self._document(request))
        answer.headers["Cache-Control"] = "no-store"
        end_unread(request, answer)
        return answer

    async def _document(self, request: web.Request) -> Json:
        try:
            return await self._carried_out(request)
        except FacadeError as error:
            return error.document
        except ApiError as error:
            return FacadeError(str(error), code=error.code, hint=error.hint).document
        except MessageRefusedError as error:
            return refused(error).document
        except FleetError as error:
            if error.code == _WRONG_USAGE:
                return FacadeError(str(error), code="bad_request").document
            log.error("the facade could not answer: %s", error)
            return FacadeError(answers.CANNOT_CONNECT, code="unavailable").document
        except ConnectionError:
            # Whoever asked is gone.
            raise
        except Exception as error:  # noqa: BLE001 - the last line of defence
            tell_fault("the facade", error)
            return FacadeError("An unexpected error was met", code="fault").document

    async def _carried_out(self, request: web.Request) -> Json:
        if not self._hosts.has(request):
            raise FacadeError(
                "This host is not answered for here",
                code="host",
                hint="its operator can add it to hosts in [facade]",
            )
        if request.method not in ("GET", "POST"):
            raise FacadeError("A request is a GET or a POST", code="no_such_method")
        found = _PATH.fullmatch(request.path)
        name = "" if found is None else found[1].lower().replace("_", "")
        if (handler := self._handlers.get(name)) is None:
            raise FacadeError("There is no such request", code="no_such_path")
        said = await parameters_of(request)
        token = said.get("access_token", "").strip()
        if not token:
            raise FacadeError(answers.NO_TOKEN)
        owner = await self._behind.owner_of(token)
        if owner is None:
            self._strangers.tell(request)
            raise FacadeError(answers.UNKNOWN_TOKEN)
        return await handler(Asker(self._behind, owner, said))


def _told(error: FleetError, status: int) -> dict[str, Any]:
    """What is told of what is refused before a request could be looked at."""
    code = "bad_request" if status < 500 else "busy"
    return FacadeError(str(error), code=code, hint=str(error.hint)).document
