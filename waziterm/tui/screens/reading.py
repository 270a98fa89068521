"""Reading the history of one instance in the background; what goes wrong is told in its place."""

import logging

from waziterm.domain.fleet.api import Fleet, FleetError
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
