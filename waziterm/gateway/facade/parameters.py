"""The parameters of a request, from wherever old clients put them: query, form, multipart or JSON.

What stands in the body comes before what stands in the query, and the last of several before the
others, as PHP has it. A body of JSON is taken for one also where its type says nothing of it:
clients of PHP and browsers send it under the types of a form and of a text.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from waziterm.gateway.facade.answers import FacadeError
from waziterm.gateway.request_body import body_of

MOST_BODY_BYTES = 256_000
_MOST = 100
"""Parameters of a query or of a body."""
_WHOLE = 1e20
"""A number of JSON below that may be meant as digits, although it came as `6.2e12`."""
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[a-z.-]+\+)?json", re.ASCII)
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,200})"?', re.ASCII)
_NAME = re.compile(rb'(?:^|[;\s])name="([^"\r\n]{1,100})"')
_FILE = re.compile(rb"(?:^|[;\s])filename\*?=")
_MARK = b"\xef\xbb\xbf"

Parameters = Mapping[str, str]


async def parameters_of(request: web.Request) -> Parameters:
    """Raises FacadeError, and ApiError for what cannot be read at all."""
    query = request.raw_path.partition("#")[0].partition("?")[2]
    found = _form(query, "query")
    if request.method == "POST":
        found |= _body(await body_of(request, MOST_BODY_BYTES), request)
    for value in found.values():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _wrong("it is not UTF-8") from None
    return found


def _body(raw: bytes, request: web.Request) -> dict[str, str]:
    raw = raw.removeprefix(_MARK)
    kind = request.content_type.lower()
    if not raw.strip():
        return {}
    if _JSON_TYPE.fullmatch(kind):
        return _json(raw)
    if kind == "multipart/form-data":
        return _multipart(raw, request.headers.get("Content-Type", ""))
    if raw.lstrip().startswith(b"{"):
        return _json(raw)
    try:
        return _form(raw.decode().strip("\r\n"), "body")
    except UnicodeDecodeError:
        raise _wrong("it is not UTF-8") from None


def _form(text: str, where: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST))
    except UnicodeError:
        raise _wrong("it is not UTF-8") from None
    except ValueError:
        raise _wrong(f"its {where} has more than {_MOST} parameters") from None


def _json(raw: bytes) -> dict[str, str]:
    try:
        data = json.loads(raw.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _wrong("it is not UTF-8") from None
    except (ValueError, RecursionError):
        # Numbers of thousands of digits are among these.
        raise _wrong("its body is not JSON") from None
    if not isinstance(data, dict):
        raise _wrong("its body is not a JSON object")
    if len(data) > _MOST:
        raise _wrong(f"its body has more than {_MOST} parameters")
    return {name: _text(value) for name, value in data.items()}


def _text(value: Any) -> str:
    """A value of JSON as a form has it; what no form could have is as left out."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        value = int(value)
    return str(value) if isinstance(value, int | float) else ""


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _multipart(raw: bytes, kind: str) -> dict[str, str]:
    """The fields of `multipart/form-data` (RFC 7578), as they are: no part is decoded or unpacked.
    Files are left out."""
    named = _BOUNDARY.search(kind)
    if named is None:
        raise _wrong("its body has no boundary")
    parts = (b"\r\n" + raw).split(b"\r\n--" + named[1].encode())
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        raise _wrong("its body is not complete")
    if len(parts) - 2 > _MOST:
        raise _wrong(f"its body has more than {_MOST} parameters")
    found = {}
    for part in parts[1:-1]:
        head, empty, value = part.partition(b"\r\n\r\n")
        said = next(
            (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disp")), b""
        )
        name = _NAME.search(said)
        if not empty or name is None:
            raise _wrong("its body has a part without a name")
        if _FILE.search(said):
            continue
        try:
            found[name[1].decode()] = value.decode()
        except UnicodeDecodeError:
            raise _wrong("it is not UTF-8") from None
    return found


def _wrong(why: str) -> FacadeError:
    return FacadeError(f"The request cannot be read: {why}", code="bad_request")
