"""`waziterm doctor`: is this machine fit? Works without a manager and changes nothing."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import data_dir_of
from waziterm.cli.verbs import checks
from waziterm.config import load_settings

if TYPE_CHECKING:
    from waziterm.cli.show.documents import Doctor


def run_doctor(flag: Path | None, as_json: bool, online: bool) -> int:
    """Print a line for each check; 1 when one of them failed, warnings are 0."""
    data = data_dir_of(flag)
    choice = load_settings(data_dir=data.root).library.whatsapp_version
    found = [
        checks.python(),
        checks.libmagic(),
        checks.neonize(),
        checks.version(data, choice, time.time()),
        checks.descriptors(),
        checks.terminal(),
        checks.directory(data),
        checks.disk(data),
    ]
    if online:
        found.append(checks.reach())
    ok = all(check.status is not checks.Status.FAIL for check in found)
    if as_json:
        told: Doctor = {"ok": ok, "checks": [asdict(check) for check in found]}
        output.document(told)
    else:
        for check in found:
            act = f"; {with_verbs(check.act)}" if check.act else ""
            output.line(f"{check.status.upper():<4}  {check.check:<14}  {check.detail}{act}")
    return 0 if ok else 1
