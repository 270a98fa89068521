"""The lab file: how a client finds a local WhatsApp instead of the real one."""

import json
import re
from dataclasses import asdict

from waziterm.domain.frozen import dataclass
from waziterm.domain.proxy import is_on_this_machine


class LabFileError(ValueError):
    """The text is not a lab file; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class LabFile:
    """Where a local WhatsApp listens and which keys a client must trust for it.

    proxy: an `http://HOST:PORT` CONNECT proxy in front of the server.
    ca_file: path of the PEM file whose CA signed the server's TLS certificate.
    noise_root_key: 64 hex digits, the Ed25519/X25519 key that replaces WhatsApp's own root.
    """

    proxy: str
    ca_file: str
    noise_root_key: str

    def way(self, own: str | None) -> str:
        """The URL of the proxy that leads to the lab. own: an instance's, which stands before the
        lab's when it is on this machine: any other one is of the real world."""
        return own if own is not None and is_on_this_machine(own) else self.proxy

    @classmethod
    def parse(cls, text: str) -> "LabFile":
        """Read a lab file's text.

        Raises LabFileError with one line that names the wrong field.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise LabFileError(f"not JSON ({error})") from error
        if not isinstance(data, dict):
            raise LabFileError("not a JSON object")
        fields = {}
        for field in ("proxy", "ca_file", "noise_root_key"):
            value = data.get(field)
            if not isinstance(value, str) or not value:
                raise LabFileError(f'"{field}" is missing or not a text')
            fields[field] = value
        if not re.fullmatch(r"http://[^\s/]+:\d{1,5}/?", fields["proxy"]):
            raise LabFileError('"proxy" must look like http://127.0.0.1:PORT')
        if not re.fullmatch(r"[0-9a-fA-F]{64}", fields["noise_root_key"]):
            raise LabFileError('"noise_root_key" must be 64 hex digits')
        return cls(**fields)

    def dump(self) -> str:
        """The text that `parse` reads back."""
        return json.dumps(asdict(self), indent=2) + "\n"
