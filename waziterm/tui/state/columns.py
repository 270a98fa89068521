"""The columns of the list: what each tells, and which of them fit. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache

from rich.cells import cell_len

from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.lang import N_, tr
from waziterm.tui.state.arrange import Sort


class Column(StrEnum):
    """A column of the list, from left to right; the value is the word by which it is kept."""

    NAME = "name"
    NUMBER = "number"
    STATE = "state"
    SINCE = "since"
    DAY = "day"
    UP = "up"
    DROPS = "drops"
    CONFLICTS = "conflicts"
    CONNECT = "connect"
    PROBE = "probe"
    QUEUE = "queue"
    MESSAGES = "messages"
    TAGS = "tags"
    NOTE = "note"
    PROXY = "proxy"
    WORKER = "worker"
    WHY = "why"
    LAST_LINE = "last_line"


@dataclass(frozen=True, slots=True)
class Heading:
    """How a column is headed. size: its cells, 0: a share of what is left. about: what it tells.
    sort: what it is sorted by."""

    title: str
    size: int
    about: str
    sort: Sort | None = None


HEADINGS: Mapping[Column, Heading] = {
    Column.NAME: Heading(N_("NAME"), 20, N_("the name"), Sort.NAME),
    Column.NUMBER: Heading(N_("NUMBER"), 15, N_("the number, masked")),
    Column.STATE: Heading(N_("STATE"), 17, N_("the state and the rest of its wait"), Sort.STATE),
    Column.SINCE: Heading(N_("SINCE"), 11, N_("how long the state lasts"), Sort.SINCE),
    Column.DAY: Heading(N_("24 H"), 24, N_("the last 24 hours, an hour in each cell")),
    Column.UP: Heading(N_("UP"), 7, N_("its share of 7 days connected"), Sort.UPTIME),
    Column.DROPS: Heading(N_("DROPS"), 12, N_("drops of 7 days, each day, today last"), Sort.DROPS),
    Column.CONFLICTS: Heading("440", 4, N_("conflicts of 24 hours"), Sort.CONFLICTS),
    Column.CONNECT: Heading(N_("CONNECT"), 9, N_("half of its connects took no longer")),
    Column.PROBE: Heading(N_("PROBE"), 7, N_("the last probe's round trip")),
    Column.QUEUE: Heading(N_("QUEUE"), 9, N_("messages that wait; ? are unknown")),
    Column.MESSAGES: Heading(N_("MSG/H"), 17, N_("messages sent in an hour, and of 24 hours")),
    Column.TAGS: Heading(N_("TAGS"), 16, N_("its tags")),
    Column.NOTE: Heading(N_("NOTE"), 24, N_("its note")),
    Column.PROXY: Heading(N_("PROXY"), 22, N_("its proxy")),
    Column.WORKER: Heading(N_("WORKER"), 7, N_("the process in which it runs")),
    Column.WHY: Heading(N_("WHY"), 0, N_("why it is in its state")),
    Column.LAST_LINE: Heading(N_("LAST LINE"), 0, N_("the newest line of its log")),
}  # fmt: skip

INDENT = 3
"""Cells for the marks left of the first column."""
OF_MESSAGES = frozenset({Column.QUEUE, Column.MESSAGES})
"""What stands empty where nobody sends anything."""
_ALWAYS = (Column.NAME, Column.STATE, Column.WHY)
CHOOSABLE = tuple(column for column in Column if column not in _ALWAYS)
"""What an operator may leave out."""
_BY_WORTH = (
    Column.CONFLICTS, Column.QUEUE, Column.DROPS, Column.SINCE, Column.UP, Column.NUMBER,
    Column.MESSAGES, Column.LAST_LINE, Column.TAGS, Column.NOTE, Column.DAY, Column.PROBE,
    Column.CONNECT, Column.PROXY, Column.WORKER,
)  # fmt: skip
"""What comes in as the screen gets wider, one after the other."""
_WHY_WANTS, _LINE_WANTS, _WHY_NEEDS = 30, 30, 12
_WHY_WANTS_BESIDE = 16
"""Where the detail tells the whole reason of the selected one."""
_WHY_MOST = 70
"""What is longer than a reason is for the newest line."""
_NAME_LEAST = 12

Fitting = tuple[tuple[Column, int], ...]


def state_cells() -> int:
    """The cells of the column of states in the language of the screen: its longest words with the
    longest countdown beside them, minutes of a retry and hours of a ban."""
    labels = (tr(State.RETRYING.label) + " 59:59", tr(State.BANNED.label) + " 23:59:59")
    return max(HEADINGS[Column.STATE].size, 2 + max(map(cell_len, labels)))


def columns(
    width: int,
    chosen: frozenset[Column] | None = None,
    *,
    beside: bool = False,
    empty: frozenset[Column] = OF_MESSAGES,
) -> Fitting:
    """The columns that fit, in order, each with its cells; they fill the width.

    chosen: those that the operator wants, of which as many are shown as fit; None: those that are
    worth most, as long as the reason keeps enough room. beside: the detail stands beside the list.
    empty: in which nothing stands, so that nobody misses them who has not chosen them.
    The name, the state and the reason are always there.
    """
    return _columns(width, chosen, beside, empty, state_cells())


@lru_cache(16)
def _columns(
    width: int,
    chosen: frozenset[Column] | None,
    beside: bool,
    empty: frozenset[Column],
    state: int,
) -> Fitting:
    wanted = [
        each for each in _BY_WORTH if (each not in empty if chosen is None else each in chosen)
    ]
    wants = _WHY_WANTS_BESIDE if beside else _WHY_WANTS
    needs = {Column.STATE: state, Column.WHY: _WHY_NEEDS if chosen is not None else wants}
    needs[Column.LAST_LINE] = _WHY_NEEDS if chosen is not None else _LINE_WANTS
    kept: list[Column] = list(_ALWAYS)
    for column in wanted:
        if _taken([*kept, column], needs) > width:
            break
        kept.append(column)
    return _shared([column for column in Column if column in kept], width, state)


def _taken(kept: Collection[Column], needs: Mapping[Column, int]) -> int:
    return INDENT + sum(needs.get(each, HEADINGS[each].size) for each in kept) + len(kept)


def _shared(kept: list[Column], width: int, state: int) -> Fitting:
    """What the fixed ones leave is the reason's, and what it does not need the newest line's."""
    sizes = {each: HEADINGS[each].size for each in kept} | {Column.STATE: state}
    rest = width - INDENT - sum(sizes.values()) - len(kept)
    if rest < _WHY_NEEDS:
        sizes[Column.NAME] = max(_NAME_LEAST, sizes[Column.NAME] - (_WHY_NEEDS - rest))
        rest = width - INDENT - sum(sizes.values()) - len(kept)
    sizes[Column.WHY] = max(8, rest)
    if Column.LAST_LINE in sizes:
        sizes[Column.WHY] = max(_WHY_NEEDS, min(_WHY_MOST, rest // 2))
        sizes[Column.LAST_LINE] = max(8, rest - sizes[Column.WHY])
    return tuple(sizes.items())
