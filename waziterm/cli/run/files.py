"""Carrying a verb out on the files, while no manager runs."""

import asyncio
import time
from functools import cache
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.verbs import with_verbs
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.api import Fleet
from waziterm.domain.fleet.asking import Asked
from waziterm.domain.fleet.audit import Via, recorded
from waziterm.domain.fleet.typed import document_for
from waziterm.domain.text import plain
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.owner import acting_as_owner, foreign_owner
from waziterm.manager.people import myself
from waziterm.manager.stored.fleet import FilesAudit, StoredFleet


def answer(data: DataDir, asked: Asked) -> Any:
    """The document of what a verb answers. Raises FleetError."""

    @cache
    def settings() -> Any:
        from waziterm.config import load_settings  # noqa: PLC0415 - what only looks needs none

        return load_settings(data_dir=data.root)

    audit = FilesAudit(data)

    async def work() -> Any:
        fleet = StoredFleet(data, settings)
        if asked.owner is Fleet:
            verb = getattr(fleet, asked.verb.name)
            log, given = audit, asked.arguments
            return await recorded(log, person, asked.verb, given, lambda: verb(**given))
        return getattr(await fleet.snapshot(), asked.verb.name)(**asked.arguments)

    person = myself(Via.VERB)
    if foreign_owner(data.root) is not None:
        # The config is root's own, and the owner of the directory may not be able to read it.
        settings()
    try:
        with acting_as_owner(data.root):
            result = asyncio.run(work())
    except OSError as error:
        where = plain(str(error.filename or data.root), 300)
        raise FleetError(
            f"{where} cannot be used: {error.strerror or error}",
            "see its owner, its mode and the disk",
        ) from error
    if audit.unwritten is not None:
        # What was done is told: the report of a fix on a full disk is worth more than its record.
        hint = f" ({audit.unwritten.hint})" if audit.unwritten.hint else ""
        output.remark(f"waziterm: {plain(with_verbs(f'{audit.unwritten}{hint}'), 1000)}")
    return document_for(asked.owner, asked.verb, asked.arguments, result, time.time())
