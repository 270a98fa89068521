"""What `list`, `status` and `add` do while no manager runs: they work on the database itself."""

import asyncio
import time
from typing import Any

from waziterm.config import load_settings
from waziterm.control.views import instance_json
from waziterm.domain.fleet.api import InstanceNotFoundError
from waziterm.domain.version import VersionChoice
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.stored.fleet import add_stored, stored_views

Json = dict[str, Any]


def instances(data: DataDir) -> list[Json]:
    """All instances, as the last manager left them. Raises FleetError."""
    views = asyncio.run(stored_views(data, _choice(data)))
    return [instance_json(view, time.time()) for view in views]


def instance(data: DataDir, name: str) -> Json:
    """One of them. Raises FleetError when there is none of this name."""
    for found in instances(data):
        if found["name"] == name:
            return found
    raise InstanceNotFoundError(name)


def add(data: DataDir, name: str, phone: str | None, proxy: str | None) -> Json:
    """Add an instance for the next manager, under the directory's lock. Raises FleetError."""
    return instance_json(
        asyncio.run(add_stored(data, _choice(data), name, phone, proxy)), time.time()
    )


def _choice(data: DataDir) -> VersionChoice:
    return load_settings(data_dir=data.root).library.whatsapp_version
