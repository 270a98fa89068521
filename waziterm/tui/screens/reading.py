"""Reading of the past in the background; what goes wrong is told in its place."""

import logging

from waziterm.domain.fleet.api import Fleet, FleetError
from waziterm.tui.state.fleetlog import KEPT, FleetLog
from waziterm.tui.state.messages import details_in, log_of, refusal
from waziterm.tui.state.model import FleetModel
from waziterm.tui.state.past import Past, read_past

logger = logging.getLogger(__name__)


async def past_of(app: object, fleet: Fleet, model: FleetModel, name: str, now: float) -> Past:
    """The last days of an instance, or why they cannot be read. now: UTC seconds."""
    try:
        return await read_past(fleet, name, model.library, now)
    except FleetError as error:
        said = refusal(error)
    except Exception:
        logger.exception("the history of %s was not read", name)
        said = details_in(log_of(app))
    return Past(None, said, model.library)


async def fill(log: FleetLog, fleet: Fleet) -> None:
    """The log lines of all that came before a stream was opened, as far as they can be read."""
    try:
        told = await fleet.fleet_lines(limit=KEPT)
    except FleetError as error:
        logger.warning("the log of all cannot be read: %s", error)
        log.fill(())
    else:
        log.fill(told.lines)
