"""The verbs of token: who may ask the API for what."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waziterm.cli.show import output
from waziterm.cli.show.times import shown
from waziterm.cli.show.verbs import with_verbs
from waziterm.cli.target import ask, data_dir_of
from waziterm.domain.text import plain

Json = dict[str, Any]


def list_tokens(flag: Path | None, as_json: bool) -> int:
    """Print the tokens by name, never what is said to the API."""
    found = ask(data_dir_of(flag), lambda fleet: fleet.tokens())
    output.array(
        found, as_json, _line, with_verbs("there is no token; `waziterm token add NAME` makes one")
    )
    return 0


def add_token(
    flag: Path | None, as_json: bool, name: str, instances: Sequence[str], scopes: Sequence[str]
) -> int:
    """Make a token and print it, alone on stdout: it is told this once."""
    whom = ",".join(instances) or "*"
    what = ",".join(scopes) or "send,read"
    made = ask(data_dir_of(flag), lambda fleet: fleet.add_token(name, whom, what))
    if as_json:
        output.document(made)
    else:
        output.line(made["token"])
        output.remark(f"{_allowed(made)}; it is shown this once")
    return 0


def revoke_token(flag: Path | None, as_json: bool, name: str) -> int:
    """Take a token back."""
    done = ask(data_dir_of(flag), lambda fleet: fleet.revoke_token(name))
    if as_json:
        output.document(done)
    else:
        output.line(plain(f"{name}: revoked"))
    return 0


def _line(token: Json) -> str:
    by = f", by {token['who']}" if token["who"] else ""
    return plain(f"{_allowed(token)}; made {shown(token['created'])}{by}", 400)


def _allowed(token: Json) -> str:
    return f"{token['name']}: {' and '.join(token['scopes'])}, {', '.join(token['instances'])}"
