"""What a group writes goes on, from the real Baileys to the real neonize and back.

The lab has no groups. A member's messages, sealed with keys that only the two libraries keep, are
brought to them as WhatsApp would.
"""

from pathlib import Path

from tests.fleets import in_state, until
from tests.moving.foreign import aged
from tests.moving.groups import GROUP, Member, deliver, kept_of
from tests.peers.test_baileys import PEERS, pytestmark, running
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.fleet.tools import ExportFormat
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.moving.plan import Carried
from waziterm.lab.client import Lab
from waziterm.manager.manager import open_manager

__all__ = ["pytestmark"]  # `make peers` alone


# 6 knows no hidden ids, under which the lab's phones write: it has no keys of theirs.
async def test_a_groups_messages_are_read_on_carried_keys(lab: Lab, folder: Path) -> None:
    auth, data, back = folder / "bot" / "auth", folder / "data", folder / "back"
    auth.parent.mkdir()
    async with running("baileys7", auth, lab) as bot:
        phone = await lab.scan(await bot.says("qr"))
        await bot.says("open")
        member = Member("")
        await lab.send_message(phone.jid, member.introduction("hello"), PEERS[0])
        assert await bot.says("got") == "hello"
        (kept,) = auth.glob(f"sender-key-{GROUP}--*.json")
        # Who has told it of the chain: under a hidden id, which the lab gives.
        member.lid = kept.name.split("--")[1].partition("_")[0]
        await deliver(lab, phone.jid, member, member.write("the first"))
        assert await bot.says("got") == "the first"
        late = member.write("it comes late")
        await deliver(lab, phone.jid, member, member.write("the third"))
        assert await bot.says("got") == "the third"
        await bot.end()
    aged(auth)
    settings, file = load_settings(data_dir=data, environ={}), LabFile.parse(lab.file.read_text())
    async with open_manager(data, settings, file) as fleet:
        report = await fleet.import_sessions(str(auth), name="shop", start=True)
        assert report.sources[0].kept[Carried.SENDER_KEYS] and not report.sources[0].dropped
        await in_state(fleet, "shop", State.CONNECTED)
        session = session_of(data, "shop")
        assert kept_of(session, member) == (3, [1])
        await deliver(lab, phone.jid, member, member.write("the fourth"))
        await deliver(lab, phone.jid, member, late)
        await until(lambda: kept_of(session, member) == (4, []))
        said = "\n".join(line.text for line in fleet.tail("shop"))
        assert "decrypt" not in said.lower(), said
        await fleet.export("shop", str(back), format=ExportFormat.BAILEYS)
        await in_state(fleet, "shop", State.HELD)
    async with running("baileys7", back, lab) as bot:
        await bot.says("open")
        await deliver(lab, phone.jid, member, member.write("the fifth"))
        assert await bot.says("got") == "the fifth"
        await bot.end()
