"""F3: the unit files, and README's steps carried out in a real systemd of a user."""

import configparser
import os
import pwd
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.programs import environment
from waziterm.cli.run.systemd import STOP_S, unit

DEADLINE_S = 60.0
END_S = 10.0
"""How long a manager may take to end after SIGTERM."""
ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
kinds = pytest.mark.parametrize("of_user", [False, True], ids=["system", "user"])


def parsed(text: str) -> configparser.ConfigParser:
    file = configparser.ConfigParser(interpolation=None)
    file.optionxform = str  # type: ignore[assignment,method-assign]
    file.read_string(text)
    return file


@kinds
def test_the_unit_file(folder: Path, of_user: bool) -> None:
    odd, config = folder / "data of 100% {x} $HOME", Path("/etc/waziterm.toml")
    service = parsed(unit(odd, None, config, of_user=of_user))["Service"]
    words = shlex.split(service["ExecStart"])
    assert words[-3:] == [
        "headless",
        "--data-dir",
        str(odd).replace("%", "%%").replace("$", "$$"),
    ]
    assert Path(words[0]).is_absolute() and os.access(words[0], os.X_OK)
    assert Path(words[0]).parent == Path(sys.executable).parent
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    assert int(service["TimeoutStopSec"]) == STOP_S > END_S
    assert service["UMask"] == "0077" and service["NoNewPrivileges"] == "yes"
    assert service["Environment"] == "WAZITERM_CONFIG=/etc/waziterm.toml"
    assert service["RestartPreventExitStatus"] == "2" and service["Restart"] == "on-failure"
    assert {"WatchdogSec", "LimitNOFILE", "ExecReload"} <= set(service)
    bare = unit(odd, folder / "lab.json", None, of_user=of_user)
    assert "Environment" not in bare and f"--lab {folder}/lab.json" in bare


def test_what_only_the_system_or_only_a_user_can_have(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    where = ("--data-dir", str(folder))
    system, own = (call("headless", "--unit", *more, *where).out for more in ((), ("--user",)))
    assert parsed(system)["Service"]["User"] == pwd.getpwuid(os.geteuid()).pw_name
    assert parsed(system)["Install"]["WantedBy"] == "multi-user.target"
    assert "User" not in parsed(own)["Service"] and "enable-linger" in own
    assert parsed(own)["Install"]["WantedBy"] == "default.target"
    assert "network-online" not in own
    alone = call("headless", "--user", *where)
    assert (alone.code, alone.out) == (2, "") and "--user belongs to --unit" in alone.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_the_service_runs_as_the_owner_of_its_data(call: Call, folder: Path) -> None:
    os.chown(folder, 12345, 12345)
    assert parsed(call("headless", "--unit", "--data-dir", str(folder)).out)["Service"]["User"] == (
        "12345"
    )


def test_the_service_reads_the_settings_that_its_maker_reads(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is another one, and its working directory too."""
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "waziterm" / "config.toml"
    words = ("headless", "--unit", "--data-dir", str(folder))
    assert "Environment" not in parsed(call(*words).out)["Service"]
    config.parent.mkdir(parents=True)
    config.touch()
    assert parsed(call(*words).out)["Service"]["Environment"] == f"WAZITERM_CONFIG={config}"
    monkeypatch.chdir(folder)
    (folder / "own.toml").touch()
    monkeypatch.setenv("WAZITERM_CONFIG", "own.toml")
    named = parsed(call(*words).out)["Service"]["Environment"]
    assert named == f"WAZITERM_CONFIG={folder}/own.toml"


@needs_analyze
@kinds
def test_systemd_takes_the_unit_file(folder: Path, of_user: bool) -> None:
    file = folder / "waziterm.service"
    odd, config = folder / 'a b%c $HOME "q"', Path("/etc/a $b.toml")
    file.write_text(unit(odd, folder / "lab.json", config, of_user=of_user))
    done = subprocess.run(
        ["systemd-analyze", "--user" if of_user else "--system", "verify", str(file)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(folder)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def own_service_steps() -> list[str]:
    """What README tells whoever wants a service of his own, but for what needs a login manager."""
    section = (ROOT / "README.md").read_text().split("## As a service")[1].split("\n## ")[0]
    steps = section.split("Or one of your own")[1].split("Then:")[0]
    lines = [line.strip() for line in steps.splitlines() if line.startswith("    ")]
    assert lines.pop() == "loginctl enable-linger"
    return lines


IN_A_MANAGER = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "$HOME"
mkdir -m 700 "$XDG_RUNTIME_DIR"
begin() {
    "$SYSTEMD" --user >>"$HOME/systemd.log" 2>&1 &
    manager=$!
    for _ in $(seq 100); do
        systemctl --user is-system-running >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -n 1 "$HOME/systemd.log"
    exit 77
}
finish() {
    kill "$manager"
    wait "$manager" || true
}
said() { systemctl --user show --property ActiveState,NRestarts,ExecMainStatus waziterm | sort; }
begin
{STEPS}
echo enabled; systemctl --user is-active waziterm; waziterm list --json
finish
begin
until systemctl --user is-active --quiet waziterm; do sleep 0.1; done
echo booted; said
mkdir -p "$HOME/.config/waziterm"
echo 'colour = 1' >"$HOME/.config/waziterm/config.toml"
systemctl --user restart waziterm 2>/dev/null || true
echo misconfigured; said
finish
"""
"""77: no manager of a user can run here."""


@pytest.mark.timeout(DEADLINE_S + 10)
def test_readmes_steps_in_a_users_systemd(folder: Path) -> None:
    """Active after the last step, and again after the next boot; wrong settings end it once."""
    if os.geteuid() != 0 or not SYSTEMD.exists() or shutil.which("unshare") is None:
        pytest.skip("needs root, systemd and unshare to run a user's systemd of its own")
    script = IN_A_MANAGER.replace("{STEPS}", "\n".join(own_service_steps()))
    kept = {
        key: value
        for key, value in environment().items()
        if not key.startswith("XDG_") and key != "DBUS_SESSION_BUS_ADDRESS"
    }
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
         script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=kept
        | {
            "HOME": str(folder / "home"),
            "XDG_RUNTIME_DIR": "/run/user-of-the-test",
            "SYSTEMD": str(SYSTEMD),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        },
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no systemd of a user can run here: {done.stdout}{done.stderr}".strip())
    assert done.returncode == 0, done
    assert done.stdout.split("\n") == [
        *("enabled", "active", "[]"),
        *("booted", "ActiveState=active", "ExecMainStatus=0", "NRestarts=0"),
        *("misconfigured", "ActiveState=failed", "ExecMainStatus=2", "NRestarts=0", ""),
    ]
