"""What a failure of the network is called: the library's text boiled down to one sentence. Pure.

Sources: Go's `net`, `crypto/tls`, `crypto/x509`, `net/http` (the status text of a proxy's answer to
CONNECT), `golang.org/x/net/proxy` (SOCKS), whatsmeow's `socket/` and `client.go`. The raw text
stands in the instance's log.
"""

import re
from collections.abc import Mapping, Sequence

from waziterm.domain.text import safe_line

_LONGEST_RAW = 4096
_LONGEST = 160

_HOST = r"(?P<host>[\w.-]+)"
_AT = r"(?P<at>[\w.\[\]:%-]+?)"
_SOCKS = rf"socks connect tcp {_AT}->[\w.:-]+: "
_PROXY = rf"proxyconnect tcp: dial tcp {_AT}: "
_DIAL = rf"dial tcp {_AT}: "

# The first that is found counts, so what is more exact comes first.
_TABLE: Sequence[tuple[str, str]] = (
    # DNS, whichever way its server failed.
    (rf"\blookup {_HOST}(?: on [^ ]+)?: ", "no DNS answer for {host}"),
    # A proxy.
    (r"\bProxy Authentication Required\b|\b407\b", "the proxy wants another login (407)"),
    (
        r"username/password authentication failed|no acceptable authentication methods",
        "the proxy wants another login",
    ),
    (
        rf"{_PROXY}(?:connect: )?connection refused|socks connect tcp {_AT.replace('at', 'to')}->"
        r"[\w.:-]+: dial tcp [\w.\[\]:%-]+: connect: connection refused",
        "connection refused by the proxy {at}",
    ),
    (rf"{_PROXY}.*(?:i/o timeout|timed out)", "the proxy {at} does not answer"),
    (rf"{_PROXY}.*(?:unreachable|no route)", "no route to the proxy {at}"),
    (
        rf"{_SOCKS}(?:unknown error )?(?:connection )?not allowed by ruleset",
        "the proxy {at} forbids WhatsApp",
    ),
    (
        rf"{_SOCKS}(?:unknown error )?(?:general SOCKS server failure|host unreachable"
        r"|network unreachable|connection refused|TTL expired)",
        "the proxy {at} does not reach WhatsApp",
    ),
    (rf"{_SOCKS}.*(?:unexpected protocol version|EOF)", "{at} is no SOCKS proxy"),
    (
        r"(?:request|proxyconnect tcp): .*\b(?:Bad Gateway|Service Unavailable|Gateway Timeout)$",
        "the proxy does not reach WhatsApp",
    ),
    (r": Forbidden$", "the proxy forbids WhatsApp"),
    # Certificates and TLS.
    (
        r"x509: certificate signed by unknown authority",
        "the certificate is of an unknown authority: something stands between",
    ),
    (
        r"x509: certificate has expired or is not yet valid",
        "the certificate is not valid now: see this machine's clock",
    ),
    (
        rf"x509: certificate is (?:not )?valid for .*, not {_HOST}"
        rf"|x509: cannot validate certificate for {_HOST.replace('host', 'ip')} because",
        "the certificate is not WhatsApp's: something stands between",
    ),
    (r"first record does not look like a TLS handshake", "what answers does not speak TLS"),
    (r"TLS handshake timeout", "no answer to the TLS handshake"),
    (r"\b(?:remote error: )?tls: ", "the TLS handshake failed"),
    # The way to WhatsApp.
    (rf"{_DIAL}(?:connect: )?connection refused", "connection refused by {at}"),
    (rf"{_DIAL}(?:i/o timeout|connect: connection timed out)", "no answer from {at}"),
    (
        rf"{_DIAL}(?:connect: )?(?:network is (?:unreachable|down)|no route to host|host is down)",
        "no route to {at}",
    ),
    (
        rf"{_DIAL}connect: (?:permission denied|operation not permitted)",
        "this machine forbids the connection to {at}",
    ),
    (
        r"too many open files|cannot assign requested address",
        "this machine has no more connections to give",
    ),
    (r"connection reset by peer|broken pipe", "connection reset by peer"),
    (r"network is (?:unreachable|down)", "the network is unreachable"),
    (r"no route to host|host is down", "no route to WhatsApp"),
    (r"status code 101 but got (?P<code>\d{3})", "WhatsApp's address answers with HTTP {code}"),
    (
        r"timed out waiting for handshake|context deadline exceeded|Client\.Timeout exceeded"
        r"|i/o timeout|connection timed out",
        "no answer in time",
    ),
    (r"(?:^|: )(?:unexpected )?EOF$", "the connection was closed while it was made"),
)
_PATTERNS = tuple((re.compile(pattern), template) for pattern, template in _TABLE)
_OUTER = re.compile(
    r"^(?:failed to dial whatsapp web websocket: |failed to WebSocket dial: "
    r'|failed to send handshake request: |Get "[^"]*": |proxyconnect tcp: )+'
)

CAUSES = tuple(dict.fromkeys(template for _, template in _TABLE))
"""The templates of the sentences, for the catalogs."""


def plain_cause(text: str) -> str:
    """A failure in one short sentence without secrets.

    text: what the library or the system said. One that is not known is kept, inert and bounded,
    without what the library puts in front of every failed dial.
    """
    line = safe_line(text, _LONGEST_RAW)
    for pattern, template in _PATTERNS:
        if match := pattern.search(line):
            return safe_line(template.format_map(_named(match.groupdict())), _LONGEST)
    return _end_of(_OUTER.sub("", line))


def _named(groups: Mapping[str, str | None]) -> dict[str, str]:
    named = {key: value for key, value in groups.items() if value is not None}
    return {"at": named.get("to", ""), **named}


def _end_of(line: str) -> str:
    """Go puts what happened last: of a line that is too long, the parts at its end."""
    while len(line) > _LONGEST and ": " in line:
        line = line.partition(": ")[2]
    return safe_line(line, _LONGEST)
