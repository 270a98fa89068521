"""What an operator may type, and the one clear line for everything else."""

import pytest

from tests.cli.conftest import Call
from waziterm.domain.text import mask_proxy
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.inputs import (
    InputError,
    instance_name,
    phone_number,
    proxy_url,
)

LONG = "a" * 41


@pytest.mark.parametrize("text", ["a", "7", "shop-jakarta", "a_b-c", "a" * 40])
def test_names_that_are_taken(text: str) -> None:
    assert instance_name(text) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "A", "Shop", "-a", "_a", "a b", "a/b", "../a", "a.db", "ä", "a\n", "a\x00", LONG],
)
def test_names_that_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be an instance name: 1 to 40 of a-z") as caught:
        instance_name(text)
    assert caught.value.code == 2
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+6281234567890", "+6281234567890"),
        (" +62 812-3456.7890 ", "+6281234567890"),
        ("+62 (0) 812 3456 7890", "+6281234567890"),
        ("+49 1512 3456789", "+4915123456789"),
        ("+1 202 555 0143", "+12025550143"),
        ("+55 11 91234-5678", "+5511912345678"),
        # F50: accounts keep the number with which they were made.
        ("+52 1 55 1234 5678", "+5215512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+229 97 12 34 56", "+22997123456"),
        ("+229 01 97 12 34 56", "+2290197123456"),
        ("+225 07 12 34 56", "+22507123456"),
        ("+225 07 01 02 03 04", "+2250701020304"),
        # F50: as it is copied from another program, or typed with another keyboard.
        ("\u202a+62 812\u200d 3456\u00a07890\u202c", "+6281234567890"),
        ("\u2068\ufeff +6281234567890\u2069", "+6281234567890"),
        ("\uff0b\uff16\uff12 812 3456 7890", "+6281234567890"),
        ("+٦٢ ٨١٢ ٣٤٥٦ ٧٨٩٠", "+6281234567890"),
        ("+62\t812\n3456 7890\r\n", "+6281234567890"),
        ("+54 9 11 1234-5678", "+5491112345678"),
        ("+54 11 15 1234 5678", "+5491112345678"),
        ("+55 11 1234-5678", "+551112345678"),
    ],
)
def test_numbers_that_are_taken(text: str, number: str) -> None:
    assert phone_number(text) == number


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not start with +"),
        ("081234567890", "does not start with +"),
        ("0062 812 3456 7890", "does not start with +"),
        ("+", "is not a phone number: "),
        ("+6", "is not a phone number: it is too short"),
        ("+62", "is not a phone number: it is too short"),
        ("+62 812 3456 789O", "it has other characters than digits"),
        ("+1-800-FLOWERS", "it has other characters than digits"),
        ("+62 812 3456 7890 x5", "extension"),
        ("+62 812 3456 7890;ext=5", "extension"),
        ("+62 812 3456 7890#5", "extension"),
        ("+6281234567890@s.whatsapp.net", "it has other characters than digits"),
        ("+abc", "is not a phone number: it has other characters than digits"),
        ("+999 1234567", "is not a phone number: no country has this code"),
        ("+62 812", "too short"),
        ("+1 202 555", "too short"),
        ("+62 812 3456 7890 1234 5678", "is not a phone number: it is too long"),
        ("+1 202 555 01431", "too long for its country"),
        ("+1 202 555 0143 ext. 5", "extension"),
        ("+52 2 55 1234 5678", "too long for its country"),
        ("+229 97 12 34 5", "too short for its country"),
        ("+229 97 12 34 56 7", "too short for its country"),
        ("\u202a081234567890", "does not start with +"),
        ("+6281234567890\x1b[2J", "is not a phone number"),
    ],
)
def test_numbers_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        phone_number(text)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()
    assert "+62 812 3456 7890" in caught.value.hint
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("https://proxy.example:443", "https://proxy.example:443"),
        ("socks5://proxy.example:1080", "socks5://proxy.example:1080"),
        ("socks5://user:pa55@proxy.example:1080", "socks5://•••@proxy.example:1080"),
        ("http://user:p%40ss@[::1]:3128", "http://•••@[::1]:3128"),
        ("http://user@h:1", "http://•••@h:1"),
    ],
)
def test_proxies_that_are_taken_and_how_they_are_shown(text: str, masked: str) -> None:
    assert proxy_url(text) == text
    assert proxy_url(text + "/") == text
    assert mask_proxy(text) == masked
    assert mask_proxy(masked) == masked


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "starts with http, https, socks5"),
        ("proxy.example:1080", "starts with http, https, socks5"),
        ("ftp://h:1", "starts with http, https, socks5"),
        ("socks4://h:1", "starts with http, https, socks5"),
        ("http:h:1", "starts with http, https, socks5"),
        ("http://:3128", "has no host"),
        ("http://user:secret@:3128", "has no host"),
        ("http://host", "has no port"),
        ("http://host:0", "has no port"),
        ("http://host:99999", "cannot be read"),
        ("http://host:port", "cannot be read"),
        ("http://[::1:3128", "cannot be read"),
        ("http://host:1/path", "ends after its port"),
        ("http://host:1?secret", "ends after its port"),
        ("http://host:1#secret", "ends after its port"),
        ("http://us er:secret@host:1", "spaces or control characters"),
        ("http://host:1\x1b[2J", "spaces or control characters"),
        ("http://user:secret@ho\nst:1", "spaces or control characters"),
    ],
)
def test_proxies_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        proxy_url(text)
    assert why in str(caught.value)
    assert "secret" not in str(caught.value) + caught.value.hint.replace("password", "")
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("add", "Shop"), "'Shop' cannot be an instance name"),
        (("add", "a", "--phone", "0812"), "'0812' does not start with + and a country code"),
        (("add", "a", "--proxy", "ftp://h:1"), "a proxy URL starts with http"),
        (("test", "a", "--to", "12"), "'12' does not start with +"),
        (("status", "../etc"), "cannot be an instance name"),
        (("qr", "a b"), "cannot be an instance name"),
        (("clean", ""), "cannot be an instance name"),
        (("stop", "x" * 300), "cannot be an instance name"),
    ],
)
def test_the_command_line_says_it_in_one_line(
    call: Call, data: DataDir, argv: tuple[str, ...], words: str
) -> None:
    done = call(*argv, "--data-dir", str(data.root))
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1 and words in done.err and len(done.err) < 400
    done = call(*argv, "--data-dir", str(data.root), "--json")
    assert (done.code, done.err) == (2, "")
    assert words in done.document["error"] and done.document["code"] == 2
    assert list(data.root.iterdir()) == []


NO_TEXT = "\udcff"
"""What Python makes of a byte on the command line that is no UTF-8."""


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("audit", "--by", NO_TEXT), 0),
        (("alerts", "retry", NO_TEXT), 0),
        (("note", NO_TEXT), 0),
        (("logs", "--all", "--grep", NO_TEXT), 2),
        (("logs", "--all", "--grep", f"{NO_TEXT}x"), 2),
    ],
)
def test_bytes_that_are_no_text_end_no_verb(
    call: Call, managed: DataDir, argv: tuple[str, ...], code: int
) -> None:
    done = call(*argv, "--data-dir", str(managed.root))
    assert (done.code, done.err.count("\n") <= 1) == (code, True)
    assert "unexpected" not in done.err


def test_bytes_that_are_no_text_are_nobody_in_the_files(call: Call, data: DataDir) -> None:
    call("add", "shop", "--data-dir", str(data.root))
    done = call("audit", "--by", NO_TEXT, "--data-dir", str(data.root), "--json")
    assert (done.code, done.document) == (0, [])
