"""The messages of one instance that wait, in the order in which they are sent."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from waziterm.domain.messages.message import Message
from waziterm.domain.messages.pacing import Turn
from waziterm.domain.messages.recipient import chat_key, is_group
from waziterm.store.messages_rows import Waiting

_Place = tuple[int, int, str]
"""By what a chat's first message stands among the others: its priority, its number; the chat."""


@dataclass(slots=True)
class Entry:
    """A message that waits. number: its place. is_new: it begins a chat."""

    number: int
    message: Message
    is_new: bool
    chat: str

    @property
    def place(self) -> _Place:
        return (-self.message.priority, self.number, self.chat)


class Line:
    """Among different chats the greater priority is first, then what came first; within one chat
    they stay in the order in which they came. One that is held for a person keeps nobody waiting:
    its turn has passed, and its person decides about it alone."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._chats: dict[str, list[Entry]] = {}
        self._heads: list[_Place] = []
        self._begun: set[str] = set()
        self._held = 0
        self._ends: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Message]:
        return iter([each.message for each in self._entries.values()])

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._entries

    @property
    def free(self) -> int:
        """How many are not held."""
        return len(self._entries) - self._held

    def get(self, message_id: str) -> Message | None:
        entry = self._entries.get(message_id)
        return None if entry is None else entry.message

    def place(self, message_id: str) -> Waiting:
        """A message with its place. Raises KeyError for one that does not wait."""
        entry = self._entries[message_id]
        return Waiting(entry.number, entry.message, entry.is_new)

    def is_new(self, message_id: str) -> bool:
        """Whether a message begins a chat."""
        entry = self._entries.get(message_id)
        return entry is not None and self._is_new(entry)

    def put(self, waiting: Waiting) -> None:
        """Take in a message, or one as it stands now."""
        self.remove(waiting.message.id)
        chat = chat_key(waiting.message.to)
        is_new = waiting.is_new and not is_group(waiting.message.to)
        entry = Entry(waiting.number, waiting.message, is_new, chat)
        self._entries[waiting.message.id] = entry
        heappush(self._ends, (waiting.message.expires_at, waiting.message.id))
        if entry.message.held:
            self._held += 1
            return
        self._unhead(chat)
        insort(self._chats.setdefault(chat, []), entry, key=lambda each: each.number)
        self._head(chat)

    def update(self, message: Message) -> None:
        """Let a message stand as it does now."""
        entry = self._entries.get(message.id)
        if entry is not None:
            self.put(Waiting(entry.number, message, entry.is_new))

    def remove(self, message_id: str) -> None:
        """A message waits no more."""
        entry = self._entries.pop(message_id, None)
        if entry is None:
            return
        if entry.message.held:
            self._held -= 1
            return
        self._unhead(entry.chat)
        chat = self._chats[entry.chat]
        chat.remove(entry)
        if chat:
            self._head(entry.chat)
        else:
            del self._chats[entry.chat]

    def begun(self, to: str) -> None:
        """A chat has begun: its other messages do not begin it."""
        self._begun.add(chat_key(to))

    def first(self, turn_of: Callable[[float, bool], Turn]) -> tuple[Message | None, Turn | None]:
        """The message that may be sent now; or None, with the turn of the one that may be sent
        first, None when there is nobody. turn_of: when one may be that is not sent before a moment
        and that begins a chat or does not."""
        soonest: Turn | None = None
        if not self._heads:
            return None, None
        # What holds for everybody holds for each of them.
        every = turn_of(0.0, False)
        if every.why is not None:
            return None, every
        new: Turn | None = None
        for _, _, chat in self._heads:
            entry = self._chats[chat][0]
            is_new = self._is_new(entry)
            turn: Turn | None = None
            if is_new:
                # Of many new chats that wait, each waits for the same.
                new = new or turn_of(0.0, True)
                turn = new if new.why is not None else None
            turn = turn or turn_of(entry.message.due, is_new)
            if turn.why is None:
                return entry.message, turn
            if soonest is None or turn.at < soonest.at:
                soonest = turn
        return None, soonest

    def expiring(self) -> float | None:
        """When the first of them is overdue; None when nobody waits."""
        while self._ends:
            at, message_id = self._ends[0]
            entry = self._entries.get(message_id)
            if entry is not None and entry.message.expires_at == at:
                return at
            # It waits no more, or longer.
            heappop(self._ends)
        return None

    def ranks(self) -> dict[str, int]:
        """By id, how many are sent before each of those that are not held, as far as is known."""
        free = [each for each in self._entries.values() if not each.message.held]
        free.sort(key=lambda each: (-each.message.priority, each.number))
        return {each.message.id: place for place, each in enumerate(free)}

    def rank(self, message_id: str) -> int:
        """How many are sent before one of them; see `ranks`."""
        its = self._entries[message_id]
        mine = (-its.message.priority, its.number)
        free = (each for each in self._entries.values() if not each.message.held)
        return sum((-each.message.priority, each.number) < mine for each in free)

    def shift(self, by: float) -> None:
        """All moments were moved by so many seconds."""
        for entry in self._entries.values():
            entry.message = entry.message.shifted(by)
        self._ends = [(each.message.expires_at, each.message.id) for each in self._entries.values()]
        heapify(self._ends)

    def _is_new(self, entry: Entry) -> bool:
        return entry.is_new and entry.chat not in self._begun

    def _head(self, chat: str) -> None:
        insort(self._heads, self._chats[chat][0].place)

    def _unhead(self, chat: str) -> None:
        if entries := self._chats.get(chat):
            place = entries[0].place
            del self._heads[bisect_left(self._heads, place)]
