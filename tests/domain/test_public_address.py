"""Which addresses are of the internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waziterm.domain.public_address import is_public


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.0",
     "11.0.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001:80e::200e",
     "2001:4860:4860::8888", "2620:fe::fe"],
)  # fmt: skip
def test_machines_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
     "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192",
     "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1",
     "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
     "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:7f00:1", "::127.0.0.1",
     "::ffff:0:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
     "2002:7f00:1::", "2002:808:808::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1",
     "2001:db8::1", "3fff::1", "100::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1",
     "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1", "fd00:ec2::254"],
)  # fmt: skip
def test_others(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    ["", " ", "localhost", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "08.8.8.8",
     "8.8.8.8 ", "[2606:4700::1111]", "8.8.8.8:443", "８.8.8.8", "8.8.8.8\0", "1.1.1.1/32"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert not is_public(text)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_python_knows_of_no_purpose_that_a_public_one_has(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global and not address.is_multicast


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        assert not is_public(text)
