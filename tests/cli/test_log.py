"""The program's log: private, bounded, without secrets, and silent on the terminal."""

import logging
import stat
import warnings

import pytest

from waziterm.cli.run import log
from waziterm.domain.fleet.api import FleetError
from waziterm.manager.files.datadir import DataDir


def test_lines_are_private_redacted_and_inert(
    data: DataDir, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "2@" + "A1b2" * 30
    with log.program_log(data.log):
        logging.getLogger("waziterm.x").warning("code %s of 6281234567890 \x1b[2J", secret)
        logging.getLogger("other").info("info is kept")
        logging.getLogger("other").debug("debug is not")
        warnings.warn("a warning", stacklevel=1)
        try:
            raise ValueError(secret)
        except ValueError:
            logging.getLogger("waziterm.x").exception("failed")
    text = data.log.read_text()
    assert stat.S_IMODE(data.log.stat().st_mode) == 0o600
    assert "WARNING waziterm.x: code [QR code] of +6281" in text
    assert "info is kept" in text and "debug" not in text and "a warning" in text
    assert "Traceback (most recent call last):" in text and '\n  File "' in text
    assert secret not in text and "6281234567890" not in text and "\x1b" not in text
    assert capfd.readouterr() == ("", "")


def test_a_data_directory_that_it_makes_is_private(data: DataDir) -> None:
    inner = DataDir(data.root / "deep" / "inner")
    with log.program_log(inner.log):
        pass
    assert stat.S_IMODE(inner.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(inner.log.parent.stat().st_mode) == 0o700


def test_it_is_rotated_and_stays_private(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 2000)
    with log.program_log(data.log):
        for number in range(400):
            logging.getLogger("waziterm.x").info("line %d %s", number, "x" * 50)
    files = sorted(data.log.parent.iterdir())
    assert len(files) == 1 + log.FILES_KEPT
    assert all(file.stat().st_size <= 2000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "line 399 " in data.log.read_text()


def test_a_full_disk_stops_neither_program_nor_screen(
    data: DataDir, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.program_log(data.log):
        (handler,) = logging.getLogger().handlers

        def full(_text: str) -> int:
            raise OSError(28, "No space left on device")

        assert isinstance(handler, logging.StreamHandler)
        monkeypatch.setattr(handler.stream, "write", full, raising=False)
        logging.getLogger("waziterm.x").error("lost")
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_is_full_at_the_end_does_not_hide_how_it_ended(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FleetError, match="the reason"), log.program_log(data.log):
        (handler,) = logging.getLogger().handlers

        def full() -> None:
            raise OSError(28, "No space left on device")

        assert isinstance(handler, logging.StreamHandler)
        monkeypatch.setattr(handler.stream, "flush", full, raising=False)
        raise FleetError("the reason")


def test_a_log_that_cannot_be_opened_is_one_clear_line(data: DataDir) -> None:
    data.log.parent.write_text("in the way")
    with pytest.raises(FleetError, match="cannot write the log"), log.program_log(data.log):
        pass


def test_the_handlers_are_as_before_afterwards(data: DataDir) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    with log.program_log(data.log):
        assert len(root.handlers) == 1
    assert (list(root.handlers), root.level) == (before, level)
