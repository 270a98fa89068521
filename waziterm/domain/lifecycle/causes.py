"""What a failure of the network is called: the library's text boiled down to one sentence. Pure.

Sources: Go's `net`, `crypto/tls`, `crypto/x509`, `net/http` (the status text of a proxy's answer to
CONNECT), `golang.org/x/net/proxy` (SOCKS), whatsmeow's `socket/` and `client.go`. The raw text
stands in the instance's log.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from waziterm.domain.text import safe_line

_LONGEST_RAW = 4096
_LONGEST = 160

_HOST = r"(?P<host>[\w.-]+)"
_ADDRESS = r"[\w.\[\]:%-]+"
_AT = rf"(?P<at>{_ADDRESS}?)"
_DIAL = rf"dial (?:tcp|udp)[46]? (?:{_ADDRESS}->)?{_AT}: "
_PROXY = rf"(?:proxyconnect tcp|socks connect tcp {_ADDRESS}->{_ADDRESS}): {_DIAL}"
_SOCKS = rf"socks connect tcp {_AT}->{_ADDRESS}: "
_ANSWER = r"(?:request|proxyconnect tcp): (?:.*: )?"
"""Before what a proxy answered to CONNECT."""
_NO_WAY = r"network is (?:unreachable|down)|no route to host|host is down|network unreachable"
_TIMED_OUT = r"i/o timeout|timed out|deadline exceeded"
_SPENT = r"too many open files|cannot assign requested address|no buffer space available"

# The first that is found counts, so what is more exact comes first.
_TABLE: Sequence[tuple[str, str]] = (
    (r"too many open files", "this machine has no more connections to give"),
    # DNS, whichever way its server failed.
    (rf"\blookup {_HOST}(?: on [^ ]+)?: ", "no DNS answer for {host}"),
    # A proxy.
    (
        r"\bProxy Authentication Required\b|status code 101 but got 407",
        "the proxy wants another login (407)",
    ),
    (
        rf"{_SOCKS}(?:username/password authentication failed|invalid username/password"
        r"|no acceptable authentication methods|unsupported authentication method)",
        "the proxy wants another login",
    ),
    (rf"{_PROXY}(?:connect: )?connection refused", "connection refused by the proxy {at}"),
    (rf"{_PROXY}.*(?:{_TIMED_OUT})", "the proxy {at} does not answer"),
    (rf"{_PROXY}.*(?:{_NO_WAY})", "no route to the proxy {at}"),
    (
        rf"{_SOCKS}(?:unknown error )?(?:connection )?not allowed by ruleset",
        "the proxy {at} forbids WhatsApp",
    ),
    (
        rf"{_SOCKS}(?:unknown error )?(?:general SOCKS server failure|host unreachable"
        r"|network unreachable|connection refused|TTL expired|command not supported"
        r"|address type not supported|unknown code: \d+)",
        "the proxy {at} does not reach WhatsApp",
    ),
    (rf"{_SOCKS}.*(?:{_TIMED_OUT})", "the proxy {at} does not answer"),
    (rf"{_SOCKS}.*(?:unexpected protocol version|EOF)", "{at} is no SOCKS proxy"),
    (rf"{_SOCKS}.*connection reset by peer", "the proxy closed the connection"),
    (
        rf"{_ANSWER}(?:Bad Gateway|Service Unavailable|Gateway Timeout)$",
        "the proxy does not reach WhatsApp",
    ),
    (r": Forbidden$", "the proxy forbids WhatsApp"),
    (
        rf"{_ANSWER}(?:Bad Request|Unauthorized|Not Found|Method Not Allowed"
        r"|Request Timeout|Too Many Requests|Internal Server Error|Not Implemented)$",
        "the proxy refuses the request",
    ),
    (r"proxyconnect tcp: .*x509: ", "the proxy's certificate is not accepted"),
    (
        r"proxyconnect tcp: .*(?:first record does not look like a TLS handshake)",
        "the proxy does not speak TLS: its URL is one with http",
    ),
    (
        r"proxyconnect tcp: .*TLS handshake timeout",
        "the proxy gives no answer to the TLS handshake",
    ),
    (r"proxyconnect tcp: (?:remote error: )?tls: ", "the TLS handshake with the proxy failed"),
    (
        r"proxyconnect tcp: .*(?:connection reset by peer|broken pipe|EOF)",
        "the proxy closed the connection",
    ),
    (
        r"proxyconnect tcp: .*malformed HTTP",
        "what answers in the proxy's place does not speak HTTP",
    ),
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
        r"x509: certificate is (?:not )?valid for |x509: cannot validate certificate for "
        r"|x509: certificate relies on legacy Common Name",
        "the certificate is not WhatsApp's: something stands between",
    ),
    (r"failed to load system roots", "this machine has no certificates of authorities"),
    (r"\bx509: ", "the certificate is not accepted: something stands between"),
    (
        r"first record does not look like a TLS handshake|HTTP response to HTTPS client",
        "what answers does not speak TLS",
    ),
    (r"TLS handshake timeout", "no answer to the TLS handshake"),
    (r"\b(?:remote error: )?tls: ", "the TLS handshake failed"),
    (r"malformed HTTP", "what answers does not speak HTTP"),
    # The way to WhatsApp.
    (rf"{_DIAL}(?:connect: )?connection refused", "connection refused by {at}"),
    (rf"{_DIAL}(?:connect: )?(?:{_TIMED_OUT}|connection timed out)", "no answer from {at}"),
    (
        rf"{_DIAL}(?:connect: )?(?:{_NO_WAY})"
        rf"|dial tcp[46]? (?P<to>\[{_ADDRESS}\]:\d+): (?:connect: cannot assign requested address"
        r"|socket: address family not supported)",
        "no route to {at}",
    ),
    (
        rf"{_DIAL}(?:connect|socket): (?:permission denied|operation not permitted)",
        "this machine forbids the connection to {at}",
    ),
    (_SPENT, "this machine has no more connections to give"),
    (r"connection reset by peer|broken pipe", "connection reset by peer"),
    (r"network is (?:unreachable|down)", "the network is unreachable"),
    (r"no route to host|host is down", "no route to WhatsApp"),
    (r"status code 101 but got (?P<code>\d{3})", "WhatsApp's address answers with HTTP {code}"),
    (
        r"timed out waiting for handshake|context deadline exceeded|Client\.Timeout exceeded"
        r"|i/o timeout|connection timed out|timeout awaiting response headers",
        "no answer in time",
    ),
    (r"(?:^|: )(?:unexpected )?EOF$", "the connection was closed while it was made"),
)
_OUTER = (
    r"^(?:failed to dial whatsapp web websocket: |failed to WebSocket dial: "
    r'|failed to send handshake request: |Get "[^"]*": |proxyconnect tcp: )+'
)

_AT_PROXY = (
    r"\bproxyconnect tcp: |\bsocks connect tcp |\bProxy Authentication Required\b"
    r"|(?:Bad Gateway|Service Unavailable|Gateway Timeout|: Forbidden)$"
)
"""What Go says only of a proxy: of its TCP, its TLS, its SOCKS, and its answer to CONNECT."""

CAUSES = tuple(dict.fromkeys(template for _, template in _TABLE))
"""The templates of the sentences, for the catalogs."""


def plain_cause(text: str) -> str:
    """A failure in one short sentence without secrets.

    text: what the library or the system said. One that is not known is kept, inert and bounded,
    without what the library puts in front of every failed dial.
    """
    line = safe_line(text, _LONGEST_RAW)
    for pattern, template in _patterns():
        if match := pattern.search(line):
            return safe_line(template.format_map(_named(match.groupdict())), _LONGEST)
    return _end_of(re.sub(_OUTER, "", line))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """They are compiled for the first failure: it would take 4 ms of each start."""
    return tuple((re.compile(pattern), template) for pattern, template in _TABLE)


def is_of_proxy(text: str, place: str) -> bool:
    """Whether a failed dial has failed at the proxy, not behind it or elsewhere. place: the
    proxy's `host:port`."""
    line = safe_line(text, _LONGEST_RAW)
    host = place.rpartition(":")[0]
    looked_up = re.search(rf"\blookup {_HOST}", line)
    return bool(re.search(_AT_PROXY, line)) or (looked_up is not None and looked_up["host"] == host)


def _named(groups: Mapping[str, str | None]) -> dict[str, str]:
    named = {key: value for key, value in groups.items() if value is not None}
    return {"at": named.get("to", ""), **named}


def _end_of(line: str) -> str:
    """Go puts what happened last: of a line that is too long, the parts at its end."""
    while len(line) > _LONGEST and ": " in line:
        line = line.partition(": ")[2]
    return safe_line(line, _LONGEST)
