"""The page of WhatsApp that tells its current version to browsers."""

from typing import assert_never

from waziterm.domain.frozen import dataclass
from waziterm.lab.transport import Channel
from waziterm.lab.words import PageMode

PAGE_PATH = "/sw.js"
SILENCE_S = 60.0
_CHUNK, _CHUNKS = b"/* a long page */ " * 4096, 2000


@dataclass(frozen=True, slots=True)
class Page:
    """What it answers. revision: N of the version `2.3000.N` that it tells."""

    mode: PageMode = PageMode.MISSING
    revision: int = 1_047_769_893

    async def show(self, channel: Channel) -> None:
        """Answer a request, and close."""
        match self.mode:
            case PageMode.REVISION:
                await channel.respond("200 OK", _page(str(self.revision)))
            case PageMode.ABSURD:
                await channel.respond("200 OK", _page("9" * 30))
            case PageMode.EMPTY:
                await channel.respond("200 OK", b"self.x = 1;")
            case PageMode.ERROR:
                await channel.respond("500 Internal Server Error")
            case PageMode.REDIRECT:
                place = "https://web.whatsapp.com/other"
                await channel.respond(f"302 Found\r\nLocation: {place}")
            case PageMode.SILENT:
                await channel.until_left(SILENCE_S)
            case PageMode.HUGE:
                await channel.respond_without_end(_CHUNK, _CHUNKS)
            case PageMode.MISSING:
                await channel.respond("404 Not Found", b"no such path\n")
            case _:
                assert_never(self.mode)


def _page(revision: str) -> bytes:
    """As WhatsApp writes it: the quotes are escaped, because it stands in a text."""
    return (
        b'/*1*/ self.__d("{\\"server_revision\\":%b,\\"client_revision\\":%b,\\"tier\\":\\"\\"}");'
        % (
            revision.encode(),
            revision.encode(),
        )
    )
