"""The requests about instances: making one, linking it, connecting it, and where clients are told.

None of them logs out or deletes, none shortens a cool-down, leaves a hold or takes a session over
(invariant 3), and none ends what is well (invariant 12): that is for a person on this machine.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, assert_never

from waziterm.domain.facade import name_for, new_waziper_id
from waziterm.domain.fleet.api import InstanceNotFoundError, InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.codes import Scope
from waziterm.domain.secret import Secret
from waziterm.domain.webhooks.where import where
from waziterm.gateway.facade import answers
from waziterm.gateway.facade.answers import FacadeError, Json, success
from waziterm.gateway.facade.behind import Asker, Behind, Waits
from waziterm.gateway.facade.sending import e164
from waziterm.gateway.facade.urls import check_webhook
from waziterm.qrcode import png_of

T = TypeVar("T")

CODE_S = 8.0
"""So long a request waits for a code, or for a connection."""
MOST_WAITING = 16
MOST_UNLINKED = 25
"""So many instances that were made with one token may wait to be linked."""
REBOOT_S = 60.0
"""An instance is connected anew once in so many seconds at most, as far as clients ask for it."""
_TRIES = 5
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_STOPPED = "This instance is stopped: its operator starts it"
_LINKED = "A linked instance is not reset here: its operator can"
_NO_ROOM = "This access token is for certain instances, and can create none"
_FULL = f"{MOST_UNLINKED} instances wait to be linked: link them first, or have them removed"
_SWITCHED_OFF = "Webhooks are set by the operator here"


@dataclass(frozen=True, slots=True)
class _Code:
    """A pairing code that was made, and the number that it was made for."""

    phone: str
    text: str


class Linking:
    """The handlers."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._creating = asyncio.Lock()
        self._waits = Waits(MOST_WAITING)
        self._rebooted: dict[str, float] = {}
        self._codes: dict[str, _Code] = {}

    async def create_instance(self, asker: Asker) -> Json:
        """A new instance, which nobody links before somebody asks for its code."""
        asker.needs(Scope.MANAGE)
        async with self._creating:
            token = asker.owner.name
            if await self._behind.instances.unlinked_of(token) >= MOST_UNLINKED:
                raise FacadeError(_FULL, code="rate")
            called = await self._created(asker)
        return success(answers.CREATED, instance_id=called, data={"instance_id": called})

    async def _created(self, asker: Asker) -> str:
        for _ in range(_TRIES):
            called = new_waziper_id()
            name = name_for(called, asker.owner.instances)
            if name is None:
                raise FacadeError(_NO_ROOM, code="scope")
            made = await asker.fleet.add_all(f"name\n{name}\n")
            if made.problems:
                continue
            found = await self._behind.instances.find(name)
            if found is not None and await self._behind.instances.bind(
                called, found.id, asker.owner.name
            ):
                return called
        raise FacadeError(answers.CANNOT_CONNECT)

    async def get_qrcode(self, asker: Asker) -> Json:
        """The QR code that is valid now, as a picture; pairing begins where it is needed."""
        asker.needs(Scope.MANAGE)
        view = await self._pairing(asker)
        assert view.qr is not None
        picture = base64.b64encode(await asyncio.to_thread(png_of, view.qr.payload)).decode()
        return success(base64=f"data:image/png;base64,{picture}")

    async def get_paircode(self, asker: Asker) -> Json:
        """A code to type on the phone. Asked for again for the same phone, it is the same one."""
        asker.needs(Scope.MANAGE)
        instance = await asker.instance()
        given = asker.value("phone", "number")
        phone = e164(given) if given else instance.phone
        if phone is None:
            raise FacadeError(answers.NO_PHONE)
        view = await self._pairing(asker)
        kept = self._codes.get(instance.id)
        text = "" if view.code is None else view.code.text
        if not text or kept != _Code(phone, text):
            # The phone shows a notification for each that is made.
            view = await asker.fleet.pairing_code(view.name, phone)
            text = "" if view.code is None else view.code.text
            if not text:
                raise FacadeError(answers.CANNOT_CONNECT)
            self._codes = {instance.id: _Code(phone, text)} | {
                each: code for each, code in self._codes.items() if each != instance.id
            }
        return success(code=text, pairing_code=text, data={"code": text})

    async def reconnect(self, asker: Asker) -> Json:
        """Whom an instance is linked as; it is connected first where it may be."""
        asker.needs(Scope.MANAGE, Scope.SEND, Scope.READ)
        instance = await asker.instance()
        view = self._view(asker, instance)
        if not view.paired:
            raise FacadeError(answers.ERROR, relogin=True)
        if _may_be_dialled(view):
            if view.state is not State.RETRYING:
                return _account(instance)
            asker.needs(Scope.MANAGE)
            if self._may_dial(instance):
                await asker.fleet.reconnect(view.name)
        reached = await self._until(asker, instance, _has_settled)
        if reached is None:
            raise FacadeError(answers.CANNOT_CONNECT)
        if reached.state is not State.CONNECTED:
            raise _cannot(reached)
        await asker.still()
        return _account(await asker.instance())

    async def reboot(self, asker: Asker) -> Json:
        """Connect anew, by the rules of a plain `reconnect`: the device stays linked."""
        asker.needs(Scope.MANAGE)
        instance = await asker.instance()
        view = self._view(asker, instance)
        if not view.paired:
            raise FacadeError(answers.ERROR, relogin=True)
        if _may_be_dialled(view) and self._may_dial(instance):
            await asker.fleet.reconnect(view.name)
        return success()

    async def reset_instance(self, asker: Asker) -> Json:
        """What is left of a session that nobody can use any more goes to the trash; one that is
        linked stays: nobody here can be asked whether it may end."""
        asker.needs(Scope.MANAGE)
        instance = await asker.instance()
        view = self._view(asker, instance)
        if view.paired:
            raise FacadeError(_LINKED, code="linked", hint=f"waziterm clean {view.name}")
        if view.state is State.LOGGED_OUT:
            await asker.fleet.clean(view.name)
        return success(answers.RESET)

    async def set_webhook(self, asker: Asker) -> Json:
        """Where a client is told what happens to an instance."""
        asker.needs(Scope.MANAGE)
        instance = await asker.instance()
        enable, url = asker.value("enable").lower(), asker.value("webhook_url")
        if enable not in (*_TRUE, *_FALSE):
            raise FacadeError(answers.NO_ENABLE)
        if enable in _TRUE:
            check_webhook(url)
        if not self._behind.takes_webhooks:
            raise FacadeError(
                _SWITCHED_OFF, code="set_webhook", hint=_lines_for(url, instance.name)
            )
        kept = url if enable in _TRUE else None
        said = {} if kept is None else {"where": where(Secret(kept))}
        async with self._behind.noted(asker.owner, "set-webhook", instance.name, said):
            await self._behind.instances.set_webhook(instance.id, kept, asker.owner.name)
            await self._behind.webhooks_changed()
        return success(answers.WEBHOOK_SAVED)

    async def get_groups(self, asker: Asker) -> Json:
        """None: nobody here knows the groups of an account."""
        asker.needs(Scope.READ, Scope.SEND, Scope.MANAGE)
        await asker.instance()
        return success(data=[])

    # -- how it is done -----------------------------------------------------------------------

    async def _pairing(self, asker: Asker) -> InstanceView:
        """An instance that shows a QR code; its pairing begins if none is under way. Raises
        FacadeError for one that is linked, and for one that shows none in time."""
        instance = await asker.instance()
        view = self._view(asker, instance)
        if view.paired:
            raise FacadeError(answers.USED)
        match view.state:
            case State.STOPPED | State.LOGGED_OUT:
                await asker.fleet.start(view.name)
            case State.COOLDOWN | State.HELD | State.BANNED | State.OUTDATED:
                raise _cannot(view)
            case (
                State.CONNECTING | State.PAIRING | State.CONNECTED | State.DEGRADED | State.RETRYING
            ):
                pass
            case _:
                assert_never(view.state)
        shown = await self._until(asker, instance, _has_code)
        if shown is None:
            raise FacadeError(answers.CANNOT_CONNECT)
        await asker.still()
        if not asker.owner.allows(shown.name):
            raise FacadeError(answers.UNKNOWN_INSTANCE)
        if shown.paired:
            raise FacadeError(answers.USED)
        return shown

    async def _until(
        self, asker: Asker, instance: Instance, done: Callable[[InstanceView], bool]
    ) -> InstanceView | None:
        """The instance when it is so; None where it is not within `CODE_S`."""
        async with self._waits.one_more():
            with suppress(TimeoutError):
                async with asyncio.timeout(CODE_S), asker.fleet.subscribe() as changes:
                    while True:
                        told = await changes.next()
                        views = told.snapshot.instances if told.snapshot else told.changed
                        for view in views:
                            if view.id == instance.id and done(view):
                                return view
        return None

    def _view(self, asker: Asker, instance: Instance) -> InstanceView:
        try:
            return asker.fleet.view(instance.name)
        except InstanceNotFoundError:
            raise FacadeError(answers.UNKNOWN_INSTANCE) from None

    def _may_dial(self, instance: Instance) -> bool:
        """Whether clients may have it connected anew now; it is noted."""
        now = self._behind.elapsed()
        self._rebooted = {each: at for each, at in self._rebooted.items() if now - at < REBOOT_S}
        if instance.id in self._rebooted:
            return False
        self._rebooted[instance.id] = now
        return True


def _has_code(view: InstanceView) -> bool:
    return view.paired or view.qr is not None


def _has_settled(view: InstanceView) -> bool:
    return view.state not in (State.CONNECTING, State.RETRYING)


def _account(instance: Instance) -> Json:
    """Whom it is linked as. Waziper tells the name and the picture that the account has given
    itself, of which nothing is known here."""
    return success(data={"id": instance.jid or "", "name": instance.name, "avatar": ""})


def _may_be_dialled(view: InstanceView) -> bool:
    """Whether a linked instance may be connected anew; not while it is being connected. Raises
    FacadeError where nobody here may do that."""
    match view.state:
        case State.CONNECTED | State.DEGRADED | State.RETRYING:
            return True
        case State.CONNECTING | State.PAIRING:
            return False
        case State.STOPPED:
            raise FacadeError(_STOPPED, code=view.state.value)
        case State.COOLDOWN | State.HELD | State.BANNED | State.OUTDATED:
            raise _cannot(view)
        case State.LOGGED_OUT:
            raise FacadeError(answers.ERROR, relogin=True)
        case _:
            assert_never(view.state)


def _cannot(view: InstanceView) -> FacadeError:
    """It cannot be connected now, and nothing here may change that."""
    if view.state is State.LOGGED_OUT:
        return FacadeError(answers.ERROR, relogin=True)
    return FacadeError(answers.CANNOT_CONNECT, code=view.state.value, hint=view.reason.sentence)


def _lines_for(url: str, name: str) -> str:
    """What an operator writes into the config to have a client told as it wants to be."""
    lines = ("[[webhooks]]", f"url = {json.dumps(url)}", 'form = "waziper"', 'numbers = "full"')
    return "\n".join((*lines, "unsigned = true", f'instances = ["{name}"]', ""))
