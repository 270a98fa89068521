"""What a killed process left of a copy is gone after the next one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from waziterm.store.scratch import scratch

HOLDS = """
import sys
from pathlib import Path
from waziterm.store.scratch import scratch
with scratch("look-", Path(sys.argv[1])) as folder:
    (folder / "copy").write_text("secret")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_s_copies_are_swept_and_a_live_one_s_are_not(tmp_path: Path) -> None:
    others = tmp_path / "other-copies"
    others.mkdir()
    (tmp_path / "look-link").symlink_to(others)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    left: list[Path] = []
    for each in started:
        assert each.stdout is not None
        left.append(Path(each.stdout.readline().strip()))
    killed, lives = started
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert (left[0] / "copy").exists()
    with scratch("look-", tmp_path) as folder:
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
        assert not left[0].exists() and (left[1] / "copy").read_text() == "secret"
    lives.communicate("")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["look-link", "other-copies"]
