"""Who owns a data directory, with another process that does."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.manager.rivals import a_rival
from waziterm.domain.fleet.api import FleetError
from waziterm.manager.files.lock import lock_owner, owned


def test_a_second_owner_is_refused_and_names_the_first(folder: Path) -> None:
    with a_rival() as rival:
        rival.do("own", str(folder))
        assert lock_owner(folder / "manager.lock") == rival.pid
        with (
            pytest.raises(FleetError, match=rf"pid {rival.pid}\b.*{folder}") as refused,
            owned(folder / "manager.lock"),
        ):
            pytest.fail("two owners")
        assert refused.value.code == 3 and refused.value.hint


def test_the_kernel_frees_the_lock_of_a_killed_owner(folder: Path) -> None:
    with a_rival() as rival:
        rival.do("own", str(folder))
        rival.kill()
        assert lock_owner(folder / "manager.lock") is None
        with owned(folder / "manager.lock"):
            assert lock_owner(folder / "manager.lock") == os.getpid()
    assert lock_owner(folder / "manager.lock") is None


def test_a_directory_without_a_lock_has_no_owner_and_asking_makes_no_file(folder: Path) -> None:
    assert lock_owner(folder / "manager.lock") is None
    assert not list(folder.iterdir())


def test_not_even_the_same_process_owns_it_twice(folder: Path) -> None:
    lock = folder / "manager.lock"
    with owned(lock):
        with pytest.raises(FleetError, match=f"pid {os.getpid()}"), owned(lock):
            pytest.fail("two owners")
        assert lock_owner(lock) == os.getpid(), "the refused one took the lock away"


def test_a_lock_without_a_pid_in_it_names_its_owner(folder: Path) -> None:
    """The owner writes it after it has the lock, and on a full disk not at all."""
    lock = folder / "manager.lock"
    with a_rival() as rival:
        rival.do("own", str(folder))
        for written in ("", "1\n"):
            lock.write_text(written)
            assert lock_owner(lock) == rival.pid
            with pytest.raises(FleetError, match=rf"pid {rival.pid}\)"), owned(lock, wait_s=0):
                pytest.fail("two owners")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("flock"), reason="needs root and flock")
def test_an_owner_of_another_user_is_named_with_its_user(folder: Path) -> None:
    lock = folder / "manager.lock"
    folder.chmod(0o755)
    lock.touch()
    lock.chmod(0o666)
    command = ["flock", "--no-fork", str(lock), "sh", "-c", "echo; exec sleep 30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, user=65534) as other:
        try:
            assert other.stdout is not None and other.stdout.readline()
            said = rf"pid {other.pid} of the user nobody\)"
            with pytest.raises(FleetError, match=said), owned(lock, wait_s=0):
                pytest.fail("two owners")
        finally:
            other.kill()
