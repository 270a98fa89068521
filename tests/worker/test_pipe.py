"""The worker's end of the pipe, and the framing of lines."""

import socket
import threading
from collections.abc import Callable

import pytest

from waziterm.domain.codec import CodecError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.message import MOST_TEXT, Content, MessageKind
from waziterm.domain.messages.sending import Outgoing
from waziterm.worker import protocol
from waziterm.worker.pipe import Outbox
from waziterm.worker.protocol import (
    Answered,
    Connect,
    Happened,
    Heartbeat,
    JournalGrew,
    LineSplitter,
    Noted,
    Report,
    SendMessage,
    decode_report,
)


def test_a_manager_that_does_not_read_costs_no_memory_and_blocks_no_log() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(theirs, size=10)
        for _ in range(20_000):
            outbox.send(Noted("a", "x" * 100))
            outbox.send(Heartbeat())
        sender = threading.Thread(
            target=outbox.send, args=(Happened("a", ev.StreamReplaced()),), daemon=True
        )
        sender.start()
        reports = _read_until(ours, lambda report: isinstance(report, Happened))
        sender.join(5)
        noted = [report for report in reports if isinstance(report, Noted)]
        dropped = [int(n.text.split()[0]) for n in noted if "did not read" in n.text]
        assert len(noted) - len(dropped) + sum(dropped) == 20_000
        assert dropped
        assert len(noted) < 10_000


def test_reports_keep_their_order_and_are_never_dropped() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(theirs, size=10)

        def answer_many() -> None:
            for request in range(20_000):
                outbox.send(Answered("a", request, 0.1))

        threading.Thread(target=answer_many, daemon=True).start()
        reports = _read_until(
            ours, lambda report: isinstance(report, Answered) and report.request == 19_999
        )
        assert [report.request for report in reports if isinstance(report, Answered)] == list(
            range(20_000)
        )


def test_that_a_journal_grew_is_told_once_for_all_and_waits_for_nobody() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(theirs, size=10)
        for _ in range(20_000):
            outbox.send(Noted("a", "x" * 100))
            outbox.send(JournalGrew("a"))
            outbox.send(JournalGrew("b"))
        last = Happened("a", ev.StreamReplaced())
        sender = threading.Thread(target=outbox.send, args=(last,), daemon=True)
        sender.start()
        reports = _read_until(ours, lambda report: isinstance(report, Happened))
        sender.join(5)
        grown = [report for report in reports if isinstance(report, JournalGrew)]
        assert {"a", "b"} == {report.instance for report in grown}
        # What was written after one was sent is told by another one.
        outbox.send(JournalGrew("a"))
        assert _read_until(ours, lambda report: report == JournalGrew("a"))
        assert len(grown) < 20_000


def test_what_must_not_be_lost_does_not_wait_for_lines() -> None:
    """Between a message in and the next one, while the manager stands still."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(theirs, size=100)
        for _ in range(20_000):
            outbox.send(Noted("a", "x" * 100))
        told = [Happened("a", ev.PhoneSeen(float(number))) for number in range(49)]
        for each in told:
            outbox.send(each)
        reports = _read_until(ours, lambda report: report == told[-1])
        assert [report for report in reports if isinstance(report, Happened)] == told


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_lines_are_cut_alike_however_the_bytes_come(size: int) -> None:
    data = b"one\n\ntwo\n" + b"z" * 50 + b"\nfour"
    splitter = LineSplitter(10)
    lines = []
    for start in range(0, len(data), size):
        lines += splitter.feed(data[start : start + size])
    assert lines == [b"one", b"", b"two", b"z" * 11]
    assert splitter.rest() == b"four"
    assert splitter.rest() == b""


def test_a_line_that_is_too_long_is_no_message() -> None:
    splitter = LineSplitter(protocol.MAX_LINE)
    (line,) = splitter.feed(b" " * 1_000_000 + b'{"kind": "heartbeat"}\n')
    with pytest.raises(CodecError, match="a line of"):
        decode_report(line)


def _read_until(sock: socket.socket, last: Callable[[Report], bool]) -> list[Report]:
    sock.settimeout(10)
    splitter = LineSplitter(protocol.MAX_LINE)
    reports: list[Report] = []
    while not (reports and last(reports[-1])):
        for line in splitter.feed(sock.recv(65536)):
            reports.append(decode_report(line))
            if last(reports[-1]):
                break
    return reports


def test_the_longest_message_is_a_line() -> None:
    wide = "\U0001f600"
    content = Content(
        MessageKind.DOCUMENT, wide * MOST_TEXT, "/" + wide * 255, wide * 255, "a/b", "3EB0", "x@lid"
    )
    message = SendMessage("shop", 1, Outgoing("628999@s.whatsapp.net", content, "ab" * 32))
    assert protocol.decode_command(protocol.encode(message).rstrip(b"\n")) == message
    words = (wide * 50,) * 20
    connect = Connect("shop", "/" + wide * 255, opt_out_words=words)
    assert protocol.decode_command(protocol.encode(connect).rstrip(b"\n")) == connect
