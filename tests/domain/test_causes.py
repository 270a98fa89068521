"""What a failure of the network is called: real lines, one sentence each, and any text at all."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.lifecycle.causes import CAUSES, plain_cause
from waziterm.domain.lifecycle.details import as_phrase, ban_detail, search_detail
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain

DIALLED = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake"
    ' request: Get "https://web.whatsapp.com/ws/chat": '
)
REAL = (
    ("dial tcp: lookup web.whatsapp.com: no such host", "no DNS answer for web.whatsapp.com"),
    (
        "dial tcp: lookup web.whatsapp.com on 127.0.0.53:53: no such host",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "dial tcp: lookup web.whatsapp.com on 8.8.8.8:53: read udp 10.0.0.2:49152->8.8.8.8:53:"
        " i/o timeout",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "dial tcp: lookup web.whatsapp.com on 127.0.0.11:53: server misbehaving",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "dial tcp: lookup web.whatsapp.com: Temporary failure in name resolution",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "dial tcp: lookup web.whatsapp.com on [::1]:53: dial udp [::1]:53: connect: network is"
        " unreachable",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "proxyconnect tcp: dial tcp: lookup proxy.example.org: no such host",
        "no DNS answer for proxy.example.org",
    ),
    (
        "dial tcp 157.240.1.60:443: connect: connection refused",
        "connection refused by 157.240.1.60:443",
    ),
    ("dial tcp 157.240.1.60:443: i/o timeout", "no answer from 157.240.1.60:443"),
    (
        "dial tcp 157.240.1.60:443: connect: connection timed out",
        "no answer from 157.240.1.60:443",
    ),
    (
        "dial tcp [2a03:2880:f2ff::60]:443: connect: network is unreachable",
        "no route to [2a03:2880:f2ff::60]:443",
    ),
    ("dial tcp 157.240.1.60:443: connect: no route to host", "no route to 157.240.1.60:443"),
    (
        "dial tcp 157.240.1.60:443: connect: operation not permitted",
        "this machine forbids the connection to 157.240.1.60:443",
    ),
    (
        "dial tcp 157.240.1.60:443: socket: too many open files",
        "this machine has no more connections to give",
    ),
    (
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "the certificate is of an unknown authority: something stands between",
    ),
    (
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid:"
        " current time 2019-01-01T00:00:12Z is before 2025-02-26T00:00:00Z",
        "the certificate is not valid now: see this machine's clock",
    ),
    (
        "tls: failed to verify certificate: x509: certificate is valid for login.hotel.example,"
        " not web.whatsapp.com",
        "the certificate is not WhatsApp's: something stands between",
    ),
    ("remote error: tls: handshake failure", "the TLS handshake failed"),
    ("tls: first record does not look like a TLS handshake", "what answers does not speak TLS"),
    ("net/http: TLS handshake timeout", "no answer to the TLS handshake"),
    (
        "proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: connection refused",
        "connection refused by the proxy 127.0.0.1:3128",
    ),
    (
        "proxyconnect tcp: dial tcp 10.1.1.1:3128: i/o timeout",
        "the proxy 10.1.1.1:3128 does not answer",
    ),
    ("Proxy Authentication Required", "the proxy wants another login (407)"),
    ("Bad Gateway", "the proxy does not reach WhatsApp"),
    ("Forbidden", "the proxy forbids WhatsApp"),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: unknown error general SOCKS"
        " server failure",
        "the proxy 127.0.0.1:1080 does not reach WhatsApp",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: unknown error connection not"
        " allowed by ruleset",
        "the proxy 127.0.0.1:1080 forbids WhatsApp",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: username/password"
        " authentication failed",
        "the proxy wants another login",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: dial tcp 127.0.0.1:1080:"
        " connect: connection refused",
        "connection refused by the proxy 127.0.0.1:1080",
    ),
    (
        "socks connect tcp 127.0.0.1:3128->web.whatsapp.com:443: unexpected protocol version 72",
        "127.0.0.1:3128 is no SOCKS proxy",
    ),
    (
        "read tcp 10.0.0.2:50130->157.240.1.60:443: read: connection reset by peer",
        "connection reset by peer",
    ),
    ("EOF", "the connection was closed while it was made"),
    ("context deadline exceeded", "no answer in time"),
    # Other forms of the same: other families, a source, a zone, a proxy in between.
    (
        "dial tcp: lookup web.whatsapp.com on [fe80::1%eth0]:53: no such host",
        "no DNS answer for web.whatsapp.com",
    ),
    (
        "dial tcp: lookup web.whatsapp.com: dial udp: too many open files",
        "this machine has no more connections to give",
    ),
    ("dial tcp6 [::1]:443: connect: connection refused", "connection refused by [::1]:443"),
    (
        "dial tcp 10.0.0.5:40112->157.240.1.60:443: connect: connection refused",
        "connection refused by 157.240.1.60:443",
    ),
    (
        "dial tcp [2a03:2880::1]:443: connect: cannot assign requested address",
        "no route to [2a03:2880::1]:443",
    ),
    (
        "dial tcp 157.240.1.60:443: socket: operation not permitted",
        "this machine forbids the connection to 157.240.1.60:443",
    ),
    (
        "tls: failed to verify certificate: x509: cannot validate certificate for ::1 because it"
        " doesn't contain any IP SANs",
        "the certificate is not WhatsApp's: something stands between",
    ),
    (
        "tls: failed to verify certificate: x509: certificate is not valid for any names, but"
        " wanted to match web.whatsapp.com",
        "the certificate is not WhatsApp's: something stands between",
    ),
    (
        "tls: failed to verify certificate: x509: negative serial number",
        "the certificate is not accepted: something stands between",
    ),
    (
        "tls: failed to load system roots and no roots provided",
        "this machine has no certificates of authorities",
    ),
    ("http: server gave HTTP response to HTTPS client", "what answers does not speak TLS"),
    ('malformed HTTP response "SSH-2.0-OpenSSH_9.6"', "what answers does not speak HTTP"),
    ("net/http: timeout awaiting response headers", "no answer in time"),
    ("Bad Request", "the proxy refuses the request"),
    (
        "proxyconnect tcp: tls: failed to verify certificate: x509: certificate is valid for"
        " a.example, not proxy.example",
        "the proxy's certificate is not accepted",
    ),
    (
        "proxyconnect tcp: tls: first record does not look like a TLS handshake",
        "the proxy does not speak TLS: its URL is one with http",
    ),
    (
        "proxyconnect tcp: net/http: TLS handshake timeout",
        "the proxy gives no answer to the TLS handshake",
    ),
    (
        "proxyconnect tcp: remote error: tls: bad certificate",
        "the TLS handshake with the proxy failed",
    ),
    ("proxyconnect tcp: EOF", "the proxy closed the connection"),
    (
        'proxyconnect tcp: malformed HTTP response "SSH-2.0-OpenSSH_9.6"',
        "what answers in the proxy's place does not speak HTTP",
    ),
    (
        "proxyconnect tcp: dial tcp [fe80::1%eth0]:3128: connect: no route to host",
        "no route to the proxy [fe80::1%eth0]:3128",
    ),
    (
        "socks connect tcp [fe80::1%eth0]:1080->[2a03::1]:443: unknown error general SOCKS server"
        " failure",
        "the proxy [fe80::1%eth0]:1080 does not reach WhatsApp",
    ),
    (
        "socks connect tcp [::1]:1080->web.whatsapp.com:443: dial tcp [::1]:1080: i/o timeout",
        "the proxy [::1]:1080 does not answer",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: dial tcp 127.0.0.1:1080: connect:"
        " no route to host",
        "no route to the proxy 127.0.0.1:1080",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: context deadline exceeded",
        "the proxy 127.0.0.1:1080 does not answer",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: unknown error unknown code: 91",
        "the proxy 127.0.0.1:1080 does not reach WhatsApp",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: read tcp 127.0.0.1:5->"
        "127.0.0.1:1080: read: connection reset by peer",
        "the proxy closed the connection",
    ),
    (
        "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443: invalid username/password",
        "the proxy wants another login",
    ),
)


@pytest.mark.parametrize(("text", "said"), REAL)
def test_the_commonest_texts_become_one_sentence(text: str, said: str) -> None:
    assert plain_cause(DIALLED + text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "failed to WebSocket dial: expected handshake response status code 101 but got 403",
            "WhatsApp's address answers with HTTP 403",
        ),
        ("timed out waiting for handshake response", "no answer in time"),
        ("port 407 is not open", "port 407 is not open"),
        ("network is unreachable", "the network is unreachable"),
        ("no route to host", "no route to WhatsApp"),
    ],
)
def test_what_the_library_says_without_a_dial(text: str, said: str) -> None:
    assert plain_cause(text) == said


def test_an_unknown_text_keeps_its_end() -> None:
    assert plain_cause(f"{DIALLED}something new") == "something new"
    said = plain_cause(": ".join(["an outer part of it"] * 20) + ": the inner one")
    assert len(said) <= 160 and said.endswith(": the inner one")


def test_a_secret_does_not_come_through() -> None:
    said = plain_cause("cannot use socks5://me:word@proxy.example.org:1080 now")
    assert "word@" not in said and "proxy.example.org" in said


@pytest.mark.parametrize("text", [text for text, _ in REAL])
def test_a_sentence_can_be_translated_and_is_told_once(text: str) -> None:
    said = plain_cause(DIALLED + text)
    phrase = as_phrase(said)
    assert isinstance(phrase, Phrase) and phrase == said and phrase.template in CAUSES


def test_a_ban_has_its_words_and_its_code() -> None:
    assert ban_detail(101) == "sent to too many people (code 101)"
    assert ban_detail(105) == "code 105" and ban_detail(0) == "no code told"
    said = as_phrase(ban_detail(104, has_end=False))
    assert isinstance(said, Phrase)
    assert said == "sent the same message too often (code 104); its end is not known"


@given(st.text(max_size=600) | st.sampled_from(REAL).map(lambda each: each[0]))
def test_any_text_gives_a_bounded_line_which_stays_as_it_is(text: str) -> None:
    said = plain_cause(text)
    assert plain(said, 160) == said
    assert plain_cause(said) == said


def test_details_in_a_row_are_told_apart() -> None:
    """Evidence of a search, and what is known of a version: sentences of ours with others' words
    between them."""
    found = search_detail("", (), 2)
    assert found == (
        "nobody on this machine; look on other servers and old installations;"
        " 2 processes of other users could not be looked into"
    )
    told = as_phrase(found)
    assert isinstance(told, Phrase) and told == found
    assert [part.template for part in told.values.values() if isinstance(part, Phrase)] == [
        "nobody on this machine; look on other servers and old installations",
        "{count} processes of other users could not be looked into",
    ]
    suspects = search_detail("", ("pid 7: {a}; b, since 12:00 UTC",), 1)
    named = as_phrase(suspects)
    assert isinstance(named, Phrase) and named == suspects and named.template == "suspect: {what}"
    assert as_phrase(f"its own; words; {found}") == f"its own; words; {found}"
    many = "; ".join(["a"] * 5000)
    assert as_phrase(many) is many


def test_a_detail_compiles_only_what_it_may_have_been_made_of() -> None:
    """The first paint would wait for all 80 patterns."""
    with patch("re.compile", side_effect=AssertionError("a pattern was compiled")):
        assert as_phrase("") == ""
        assert (
            as_phrase("words of somebody else, 17 of them") == "words of somebody else, 17 of them"
        )
