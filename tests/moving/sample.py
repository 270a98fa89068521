"""The folder of a real Baileys 7, and the lab at which it is linked (`tests/fixtures/`).

`auth/` was paired by the real library as 4915100000007:1 and has ratchets with four phones of the
lab in `lab/`.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "baileys7.tar.xz"
JID = "4915100000007:1@s.whatsapp.net"
PEERS = ("4915200000001", "4915200000002", "4915200000003")


def unpack(folder: Path) -> tuple[Path, Path]:
    """The folder of Baileys and the directory of the lab, unpacked below `folder`."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "baileys7" / "auth", folder / "baileys7" / "lab"


def read(auth: Path) -> tuple[Any, dict[str, Any]]:
    """The JSON of `creds.json`, and of each other file by its stem."""
    entries = {path.stem: json.loads(path.read_text()) for path in sorted(auth.glob("*.json"))}
    return entries.pop("creds"), entries
