"""The log follows, and stays where it was scrolled to while new lines come."""

from waziterm.domain.fleet.api import LogLine, Source
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.state.here import Move


def lines(count: int, text: str = "line") -> list[LogLine]:
    return [LogLine(seq, 1e9, Source.WORKER, f"{text} {seq}") for seq in range(1, count + 1)]


def shown(window: LogWindow, log: list[LogLine], height: int = 5, width: int = 60) -> list[str]:
    return [strip.text.split("worker")[1].strip() for strip in window.draw(log, width, height, 0.0)]


def test_it_follows_until_scrolled_up_and_again_at_the_end() -> None:
    window, log = LogWindow(), lines(20)
    assert shown(window, log) == [f"line {n}" for n in range(16, 21)]
    window.scroll(Move.UP, log)
    assert not window.following
    more = lines(40)
    assert shown(window, more)[-1] == "line 19"
    assert window.below(more) == 21
    window.scroll(Move.LAST, more)
    assert window.following and shown(window, more)[-1] == "line 40"


def test_pages_and_ends() -> None:
    window, log = LogWindow(), lines(20)
    shown(window, log)
    window.scroll(Move.PAGE_UP, log)
    assert shown(window, log) == [f"line {n}" for n in range(12, 17)]
    window.scroll(Move.FIRST, log)
    assert shown(window, log) == [f"line {n}" for n in range(1, 6)]
    window.scroll(Move.UP, log)
    assert shown(window, log)[0] == "line 1"
    window.scroll(Move.PAGE_DOWN, log)
    assert shown(window, log)[-1] == "line 9"


def test_scrolling_down_to_the_newest_line_follows() -> None:
    window, log = LogWindow(), lines(6)
    shown(window, log)
    window.scroll(Move.UP, log)
    window.scroll(Move.DOWN, log)
    assert window.following


def test_a_short_log_does_not_scroll() -> None:
    window, log = LogWindow(), lines(3)
    shown(window, log)
    window.scroll(Move.UP, log)
    assert window.following
    window.scroll(Move.UP, [])
    assert shown(window, []) == []


def test_long_lines_are_wrapped_not_cut() -> None:
    window = LogWindow()
    log = [LogLine(1, 1e9, Source.WORKER, "word " * 20)]
    rows = window.draw(log, 60, 9, 0.0)
    assert len(rows) == 3
    assert sum(row.text.count("word") for row in rows) == 20
    assert all(row.cell_length == 60 for row in rows)


def test_lines_that_left_the_memory_leave_the_oldest_ones_in_view() -> None:
    window = LogWindow()
    log = lines(20)
    shown(window, log)
    window.scroll(Move.FIRST, log)
    late = lines(100)[50:]
    assert shown(window, late)[-1] == "line 51"
