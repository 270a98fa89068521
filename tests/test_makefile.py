"""F33: a checkout that was moved, or whose Python was replaced, is set up anew by any target.

`uv` is one of the test's own: it makes a real virtual environment, and installs a program into it
as an installer does, with the environment's path in its first line.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_UV = f"""\
#!/bin/sh
echo "$@" >> "$UV_CALLS"
if [ "$1" = venv ]; then
    exec {sys.executable} -m venv --without-pip .venv
fi
for name in waziterm pytest; do
    printf '#!%s/.venv/bin/python\\nprint("%s runs")\\n' "$PWD" "$name" > .venv/bin/$name
    chmod +x .venv/bin/$name
done
"""


class Checkout:
    """A directory with what the Makefile looks at."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.root.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt", "hatch_build.py"):
            shutil.copy(ROOT / name, self.root / name)
        self._calls = folder / "calls"
        tools = folder / "tools"
        tools.mkdir()
        (tools / "uv").write_text(_UV)
        (tools / "uv").chmod(0o755)
        self._environ = {"PATH": f"{tools}:{os.environ['PATH']}", "UV_CALLS": str(self._calls)}

    def make(self, target: str) -> str:
        """Run it, and return what it printed."""
        done = subprocess.run(
            ["make", target],
            cwd=self.root,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def setups(self) -> int:
        """How often an environment was made since the last look."""
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return sum(call.startswith("venv") for call in calls)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    if shutil.which("make") is None:
        pytest.skip("this machine has no make")
    return Checkout(tmp_path)


def test_f33_what_is_set_up_stays(checkout: Checkout) -> None:
    assert "waziterm runs" in checkout.make("run")
    assert checkout.setups == 1
    assert "waziterm runs" in checkout.make("run")
    assert "pytest runs" in checkout.make("test")
    assert checkout.setups == 0


def test_f33_a_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    checkout.make("setup")
    assert checkout.setups == 1
    checkout.root = checkout.root.rename(checkout.root.with_name("moved-away"))
    assert "pytest runs" in checkout.make("test")
    assert "waziterm runs" in checkout.make("run")
    assert checkout.setups == 1


@pytest.mark.parametrize("how", ["gone", "another version", "broken", "a setup was cut off"])
def test_f33_another_python_is_set_up_anew(checkout: Checkout, how: str) -> None:
    checkout.make("setup")
    assert checkout.setups == 1
    venv = checkout.root / ".venv"
    python = venv / "bin" / "python"
    match how:
        case "gone":
            python.unlink()
            python.symlink_to(checkout.root / "no-python")
        case "another version":
            python.unlink()
            python.write_text(f'#!/bin/sh\necho "{venv} 3 99"\n')
            python.chmod(0o755)
        case "broken":
            python.unlink()
            python.write_text("#!/bin/sh\nexit 127\n")
            python.chmod(0o755)
        case _:
            (venv / ".ready").unlink()
            shutil.move(checkout.root, checkout.root.with_name("moved"))
            checkout.root = checkout.root.with_name("moved")
    assert "waziterm runs" in checkout.make("run")
    assert checkout.setups == 1
