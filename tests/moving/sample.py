"""The folder of a real Baileys 7, and the lab at which it is linked (`tests/fixtures/`).

`auth/` was paired by the real library as 4915100000007:1 and has ratchets with four phones of the
lab in `lab/`.
"""

import base64
import json
import tarfile
from pathlib import Path
from typing import Any

from waziterm.domain.jid import Jid
from waziterm.lab.keys import KeyPair

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "baileys7.tar.xz"
JID = "4915100000007:1@s.whatsapp.net"
PEERS = ("4915200000001", "4915200000002", "4915200000003")


def unpack(folder: Path) -> tuple[Path, Path]:
    """The folder of Baileys and the directory of the lab, unpacked below `folder`.

    Each time with another noise key: by that one all managers of the machine tell each other which
    device is live, and tests that run at once would refuse each other.
    """
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    auth, lab = folder / "baileys7" / "auth", folder / "baileys7" / "lab"
    creds = auth / "creds.json"
    was = json.loads(creds.read_text())["noiseKey"]
    now = KeyPair.generate()
    _replace(creds, was["private"]["data"], base64.b64encode(now.private).decode())
    _replace(creds, was["public"]["data"], base64.b64encode(now.public).decode())
    public = base64.b64decode(was["public"]["data"]).hex()
    _replace(lab / "phones" / f"{Jid.parse(JID).user}.json", public, now.public.hex())
    return auth, lab


def _replace(file: Path, was: str, now: str) -> None:
    text = file.read_text()
    assert text.count(was) == 1
    file.write_text(text.replace(was, now))


def read(auth: Path) -> tuple[Any, dict[str, Any]]:
    """The JSON of `creds.json`, and of each other file by its stem."""
    entries = {path.stem: json.loads(path.read_text()) for path in sorted(auth.glob("*.json"))}
    return entries.pop("creds"), entries
