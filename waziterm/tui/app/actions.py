"""Asking the fleet for something, and telling at once that it was taken and later how it ended."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waziterm.domain.fleet.api import Changes, Fleet, FleetError, InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.message import MessageView
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, retold, tr
from waziterm.tui.paint.cells import inert
from waziterm.tui.state.bulk import Bulk
from waziterm.tui.state.here import starts
from waziterm.tui.state.messages import Mood, Pending, failed_inside, is_well, refusal
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text import of_messages
from waziterm.tui.text.format import timed
from waziterm.tui.text.keynames import key_of, with_keys

logger = logging.getLogger(__name__)


class Actions:
    """The operator's commands. run: starts a coroutine as a task of the app. log: the file in
    which the errors of this screen stand."""

    def __init__(
        self,
        fleet: Fleet,
        model: FleetModel,
        clock: Callable[[], float],
        run: Callable[[Coroutine[Any, Any, None]], object],
        tell: Callable[[Mood, str, Iterable[str]], None],
        log: str,
    ) -> None:
        self._fleet = fleet
        self._model = model
        self._clock = clock
        self._run = run
        self._tell = tell
        self._log = log
        self._asked: set[tuple[str, str]] = set()
        self._pending: dict[str, Pending] = {}
        self._bulks: list[Bulk] = []

    # -- what can be asked

    def start_stop(self, name: str) -> None:
        view = self._model.get(name)
        if view is not None and starts(view):
            self.start(name)
        else:
            self.stop(name)

    def start(self, name: str) -> None:
        self._ask(N_("start"), name, lambda: self._fleet.start(name))

    def stop(self, name: str) -> None:
        self._ask(N_("stop"), name, lambda: self._fleet.stop(name))

    def reconnect(self, name: str) -> None:
        """A person's press: it may shorten a cool-down and end a hold."""
        self._ask(N_("reconnect"), name, lambda: self._fleet.reconnect(name, takeover=True))

    def clean(self, name: str, act_id: str = "") -> None:
        """act_id: of an act on several, see `domain.fleet.protocol.Fleet.clean`."""
        self._ask(N_("clean"), name, lambda: self._fleet.clean(name, act_id=act_id))

    def remove(self, name: str, act_id: str = "") -> None:
        """act_id: as of `clean`."""
        self._once(N_("remove"), name, self._remove(name, act_id))

    def send_test(self, name: str) -> None:
        self._once(N_("send-test"), name, self._send_test(name))

    async def add(self, name: str, phone: str | None, proxy: str | None) -> InstanceView:
        """Add an instance. Raises FleetError when the fleet refuses it."""
        view = await self._fleet.add(name, phone, proxy)
        self._model.update(view)
        self._pending[view.name] = Pending(N_("add"), self._clock(), view.since)
        self._tell(Mood.TAKEN, tr("{name}: added", name=view.name), ())
        return view

    async def send_message(self, name: str, to: str, text: str) -> MessageView:
        """Put a text into the queue of an instance, and tell when it is sent. Raises FleetError
        when the fleet refuses it."""
        taken = await self._fleet.send_message(name, to, text)
        said = tr(
            "{name}: message to {whom}: {then}",
            name=name,
            whom=of_messages.whom(taken),
            then=of_messages.when(taken, self._clock()),
        )
        self._tell(Mood.DONE, said, ())
        return taken

    async def edit(self, name: str, values: Mapping[str, str]) -> None:
        """Set what differs for an instance, see `Fleet.edit`. Raises FleetError when the fleet
        refuses it."""
        before = self._model.get(name)
        asked = Pending(N_("edit"), self._clock(), before.since if before is not None else 0.0)
        view = await self._fleet.edit(name, **values)
        self._model.update(view)
        if view.reason is Reason.EDITED and view.since != asked.before:
            self._pending[name] = asked
        said = tr("{name}: changed; {u} undoes it", name=name, u=key_of(KeyAction.UNDO))
        self.end(asked.verb, name, Mood.DONE, said)

    async def rename(self, name: str, new: str, *, take: bool) -> None:
        """Give an instance another name, see `Fleet.rename`. Raises FleetError when the fleet
        refuses it."""
        await self._fleet.rename(name, new, take=take)
        said = tr("{name}: renamed; {u} undoes it", name=new, u=key_of(KeyAction.UNDO))
        self._tell(Mood.DONE, said, ())

    def edit_too(self, name: str, values: Mapping[str, str]) -> None:
        """The same for one of several."""
        self._once(N_("edit"), name, self.edit(name, values))

    # -- several at once

    def begin_bulk(self, verb: str, names: Sequence[str]) -> None:
        """What is asked next of these belongs together: it ends in one summary."""
        self._bulks.append(Bulk(verb, names))
        said = tr("{verb}: asked of {total}", verb=tr(verb), total=len(names))
        self._tell(Mood.TAKEN, said, ())

    def end(self, verb: str, name: str, mood: Mood, said: str) -> None:
        """A command has ended on an instance: say so, or how far the act on several is."""
        bulks = [bulk for bulk in self._bulks if bulk.waits_for(verb, name)]
        for bulk in bulks:
            bulk.ended(name, mood, said)
            how, told, failed = bulk.told()
            self._tell(how, told, self._ill(failed))
        self._bulks = [bulk for bulk in self._bulks if not bulk.is_over]
        if not bulks:
            self._tell(mood, said, self._ill([name]))

    def _ill(self, names: Iterable[str]) -> list[str]:
        """Which of these are in trouble: what is said of them leaves with it."""
        views = [view for name in names if (view := self._model.get(name)) is not None]
        return [view.name for view in views if not is_well(view)]

    # -- how it goes on

    def settle(self, changes: Changes) -> None:
        """Tell what the changes say about the actions that are under way."""
        now = self._clock()
        for name in list(self._pending):
            view = self._model.get(name)
            pending = self._pending[name]
            if view is None:
                del self._pending[name]
                said = tr("{name} was removed", name=inert(name))
                self.end(pending.verb, name, Mood.TROUBLE, said)
                continue
            ending = pending.ending(view, now)
            if ending is not None:
                del self._pending[name]
                self.end(pending.verb, name, *ending)
                if view.state is State.PAIRING:
                    # Else the line would still tell of a code when the phone has scanned it.
                    self._pending[name] = replace(pending, before=view.since)
        for notice in changes.notices:
            whose = f"{inert(notice.instance)}: " if notice.instance is not None else ""
            mood = Mood.TROUBLE if notice.trouble else Mood.DONE
            met = self._ill(self._model.names if notice.instance is None else [notice.instance])
            # Whom nothing but a person brings back may be so for days, whatever befell the fleet.
            views = [view for name in met if (view := self._model.get(name)) is not None]
            coming = [view.name for view in views if view.state.is_live]
            self._tell(mood, whose + inert(retold(notice.text)), coming or met)

    def _once(self, verb: str, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run the command unless the same one is still being taken: a held key asks once."""
        if (verb, name) in self._asked:
            work.close()
            return
        self._asked.add((verb, name))
        if not any(bulk.waits_for(verb, name) for bulk in self._bulks):
            self._tell(Mood.TAKEN, tr("{name}: {verb} asked", name=name, verb=tr(verb)), ())
        self._run(self._guarded(verb, name, work))

    async def _guarded(self, verb: str, name: str, work: Coroutine[Any, Any, None]) -> None:
        """No error of a command is lost, and none ends the screen."""
        try:
            await work
        except FleetError as error:
            said = tr("{name}: {verb} refused: {why}", name=name, verb=tr(verb), why=refusal(error))
            self.end(verb, name, Mood.TROUBLE, said)
        except Exception:
            logger.exception("%s of %s failed", verb, name)
            said = failed_inside(self._log, f"{name}: {tr(verb)}")
            self.end(verb, name, Mood.TROUBLE, said)
        finally:
            self._asked.discard((verb, name))

    def _ask(self, verb: str, name: str, command: Callable[[], Awaitable[InstanceView]]) -> None:
        self._once(verb, name, self._take(verb, name, command))

    async def _take(
        self, verb: str, name: str, command: Callable[[], Awaitable[InstanceView]]
    ) -> None:
        """Carry out a command that changes a state; its end is told by later changes."""
        before = self._model.get(name)
        asked = Pending(verb, self._clock(), before.since if before is not None else 0.0)
        earlier = self._pending.get(name)
        if earlier is not None and any(
            bulk.waits_for(earlier.verb, name) for bulk in self._bulks if earlier.verb != verb
        ):
            said = tr("{name}: {verb} was asked instead", name=name, verb=tr(verb))
            self.end(earlier.verb, name, Mood.TROUBLE, said)
        self._pending[name] = asked
        try:
            view = await command()
        except BaseException:
            if self._pending.get(name) is asked:
                del self._pending[name]
            raise
        self._model.update(view)
        if view.since == asked.before and asked.ending_is_known(view):
            self._pending.pop(name, None)
            said = tr(
                "{name}: {verb}: it is {state} already",
                name=name,
                verb=tr(verb),
                state=tr(view.state.label),
            )
            self.end(verb, name, Mood.DONE, said)
        else:
            self.settle(Changes())

    async def _send_test(self, name: str) -> None:
        result = await self._fleet.send_test(name)
        if result.ok:
            said = tr(
                "{name}: send-test: accepted by WhatsApp after {took}",
                name=name,
                took=timed(result.took_s),
            )
            self.end("send-test", name, Mood.DONE, said)
        else:
            parts = (retold(result.error), with_keys(retold(result.next_step)))
            why = "; ".join(inert(each) for each in parts if each)
            said = f"{name}: {tr('send-test')}: {why}"
            self.end("send-test", name, Mood.TROUBLE, said)

    async def _remove(self, name: str, act_id: str) -> None:
        await self._fleet.remove(name, act_id=act_id)
        said = tr("{name}: removed; {u} brings it back", name=name, u=key_of(KeyAction.UNDO))
        self.end("remove", name, Mood.DONE, said)
