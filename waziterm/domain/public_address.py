"""Whether an address is one of the internet: for what is fetched or told at the word of a stranger.

The sources are IANA's registries of addresses for special purposes, of IPv4 and of IPv6; Python's
own `is_global` follows them by its version, and lets through what leads to an IPv4 address in
disguise.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_INTERNET = IPv6Network("2000::/3")
"""All of IPv6 that is given out to networks."""
_SPECIAL_4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
            *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            # It answers a machine of Azure alone, with what is that machine's.
            "168.63.129.16/32",
        ),
    )
)
_SPECIAL_6 = tuple(
    map(
        IPv6Network,
        # Protocols, with Teredo and ORCHID; examples; 6to4, which has an IPv4 address in it.
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)


def is_public(address: str) -> bool:
    """Whether a machine of the internet may have this address, as a socket or a look-up tells it;
    not so what is no address, one of a network of one's own, of this machine, of a group, and one
    that has another inside: mapped, 6to4, Teredo, NAT64."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in each for each in _SPECIAL_4)
    if found.scope_id is not None or found not in _INTERNET:
        return False
    return not any(found in each for each in _SPECIAL_6)
