"""When a regular backup is due, when it is overdue, and which of the old ones go."""

import pytest

from waziterm.domain.backup import BackupRecord, backup_name, check_recipient, surplus

DAY_S = 86_400.0
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.mark.parametrize(
    ("record", "now", "due", "overdue"),
    [
        (BackupRecord(since=0.0), 0.0, True, False),
        (BackupRecord(since=0.0), 2 * DAY_S + 1, True, True),
        (BackupRecord(0.0, made=DAY_S), DAY_S + 60, False, False),
        (BackupRecord(0.0, made=DAY_S), 2 * DAY_S, True, False),
        (BackupRecord(0.0, made=DAY_S), 3 * DAY_S + 1, True, True),
        # One that has just failed waits; one of a clock that was wrong waits for nothing.
        (BackupRecord(0.0, made=DAY_S, failed=2 * DAY_S, error="x"), 2 * DAY_S + 60, False, False),
        (BackupRecord(0.0, made=DAY_S, failed=2 * DAY_S, error="x"), 2 * DAY_S + 601, True, False),
        (BackupRecord(0.0, made=9 * DAY_S), DAY_S, True, False),
        (BackupRecord(0.0, made=DAY_S, failed=9 * DAY_S, error="x"), 3 * DAY_S, True, False),
    ],
)
def test_it_is_due_once_in_its_time_and_sooner_after_a_failure(
    record: BackupRecord, now: float, due: bool, overdue: bool
) -> None:
    assert record.is_due(now, DAY_S) is due
    assert record.is_overdue(now, DAY_S) is overdue
    assert BackupRecord.of(record.text) == record


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"since": "x"}', "null", '{"since": 1}'])
def test_what_cannot_be_read_is_no_record(text: str | None) -> None:
    assert BackupRecord.of(text) is None


def test_only_the_oldest_of_our_own_go() -> None:
    ours = [backup_name(at) for at in (0.0, 60.0, 120.0)]
    others = ["fleet.age", "waziterm-20260301T120000Z.age.part", "notes.txt", f"x{ours[0]}"]
    assert surplus([*ours, *others], keep=2) == (ours[0],)
    assert surplus([*ours, *others], keep=3) == ()


def test_a_recipient_is_a_public_key() -> None:
    assert check_recipient(KEY) == KEY
    for wrong in (
        "AGE-SECRET-KEY-1QQ",
        KEY[:-1],
        KEY + "q",
        "ssh-ed25519 AAAA",
        "age1bio" + "q" * 55,
        # One letter is another one; two are swapped.
        KEY[:20] + "q" + KEY[21:],
        KEY[:9] + KEY[10] + KEY[9] + KEY[11:],
    ):
        with pytest.raises(ValueError, match="public key"):
            check_recipient(wrong)
