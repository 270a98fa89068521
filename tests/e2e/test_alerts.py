"""What happens to a session at WhatsApp reaches a webhook: real neonize, lab, engine and outbox."""

from pathlib import Path

from tests.alerts.receiver import Receiver, receiver
from tests.fleets import in_state, pair
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager


def config(folder: Path, there: Receiver) -> Path:
    file = folder / "config.toml"
    file.write_text(
        "[limits]\ncooldown_s = 1\n[alerts]\nflap_s = 1\n[[alerts.sinks]]\n"
        f'name = "ops"\nwebhook = "{there.url}"\nunsigned = true\n'
    )
    file.chmod(0o600)
    return file


async def test_a_conflict_and_a_logout_are_told_with_their_ends(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    async with receiver() as there:
        settings = load_settings(data_dir=data, environ={}, file=config(folder, there))
        async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
            phone = await pair(fleet, lab, "shop")
            await lab.trouble(TroubleKind.CONFLICT, phone.jid)
            first, second = (request.json for request in await there.until(2))
            assert (first["rule"], first["state"]) == ("conflict", "firing")
            assert (second["rule"], second["state"]) == ("conflict", "resolved")
            assert first["id"] == second["id"] and first["instances"] == ["shop"]
            assert "shop" in first["text"] and len(first["text"]) <= 240
            number = phone.jid.partition("@")[0].partition(":")[0]
            assert number not in str(first), "the number is masked unless the settings say full"
            await in_state(fleet, "shop", State.CONNECTED)
            await lab.trouble(TroubleKind.DEVICE_REMOVED, phone.jid)
            third = (await there.until(3))[2].json
            assert (third["rule"], third["state"]) == ("logged_out", "firing")
            told = {each.id: each.told for each in await fleet.incidents()}
            assert [each.ok for each in told[int(first["id"])]] == [True]
    assert len({request.id for request in there.got}) == 3
