"""`completion`: the script of a shell, printed and installed, and what bash makes of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Call

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, of a user whose shell is not known."""
    for name in ("ZSH", "ZSH_CUSTOM", "ZSH_VERSION", "BASH_VERSION", "FISH_VERSION", "SHELL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_and_its_shell_can_read_it(
    call: Call, tmp_path: Path, shell: str
) -> None:
    done = call("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert "pair-code" in done.out and "data-dir" in done.out
    script = tmp_path / "script"
    script.write_text(done.out)
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n", str(script)], check=True, timeout=20)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["sto"], {"stop"}),
        (["incidents", "--o"], {"--open"}),
        (["completion", "z"], {"zsh"}),
    ],
)
def test_bash_completes_verbs_and_options(
    call: Call, tmp_path: Path, words: list[str], completed: set[str]
) -> None:
    script = tmp_path / "script"
    script.write_text(call("completion", "bash").out)
    typed = f"COMP_WORDS=(waziterm {' '.join(words)}); COMP_CWORD={len(words)}"
    program = f'source "{script}"; {typed}; _waziterm; echo "${{COMPREPLY[@]}}"'
    ended = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert set(ended.stdout.split()) == completed


def test_it_is_installed_once_in_the_user_s_own_files(call: Call, home: Path) -> None:
    for _ in range(2):
        done = call("completion", "bash", "--install")
        assert done.code == 0 and "~/.bashrc loads it" in done.out
    (line,) = [
        line
        for line in (home / ".bashrc").read_text().splitlines()
        if "waziterm" in line and not line.startswith("#")
    ]
    script = home / ".local/share/bash-completion/completions/waziterm"
    assert str(script) in line and str(script) in done.out
    assert "_waziterm" in script.read_text()
    assert call("completion", "fish", "--install").code == 0
    assert (home / ".config/fish/completions/waziterm.fish").exists()
    assert call("completion", "zsh", "--install").code == 0
    assert "fpath" in (home / ".zshrc").read_text()


def test_the_calling_shell_is_found(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISH_VERSION", "3.7")
    assert call("completion").out == call("completion", "fish").out


def test_a_shell_that_is_none_and_a_home_that_cannot_be_written(call: Call, home: Path) -> None:
    done = call("completion", "csh")
    assert done.code == 2 and done.err.count("\n") == 1
    (home / ".local").write_text("in the way")
    done = call("completion", "bash", "--install")
    assert (done.code, done.out) == (1, "") and done.err.count("\n") == 1
    assert "the completion cannot be written" in done.err
