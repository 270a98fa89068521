"""Nodes and Signal sessions survive the way to bytes and back, and garbage never gets far."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waziterm.domain.jid import Jid
from waziterm.lab.binary import BinaryError, decode, encode
from waziterm.lab.keys import KEY_TYPE, KeyPair
from waziterm.lab.node import SERVER, Node
from waziterm.lab.pairing import QrError, parse_qr
from waziterm.lab.ratchet import RatchetError, Session, accept, begin
from waziterm.lab.signalwire import SignalWireError, parse_prekey, parse_signal
from waziterm.lab.tokens import tokens

few = settings(max_examples=50)
words = st.one_of(
    st.sampled_from(sorted(tokens().encoded)),
    st.text(alphabet="0123456789-.", min_size=1, max_size=140),
    st.text(alphabet="0123456789ABCDEF", min_size=1, max_size=140),
    st.text(max_size=300),
)
users = st.text(alphabet="0123456789", min_size=1, max_size=20)
jids = st.one_of(
    st.builds(Jid, users, st.just(0), st.sampled_from(["s.whatsapp.net", "lid", "g.us"])),
    st.builds(Jid, users, st.integers(1, 255), st.sampled_from(["s.whatsapp.net", "lid"])),
    st.just(SERVER),
)
attributes = st.dictionaries(words, words | jids, max_size=5)
tags = words.filter(bool)
leaves = st.builds(Node, tags, attributes, st.none() | st.binary(max_size=300))
nodes = st.recursive(
    leaves,
    lambda inner: st.builds(
        Node, tags, attributes, st.lists(inner, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


@few
@given(nodes)
def test_a_node_comes_back_as_it_was(node: Node) -> None:
    plaintext = encode(node)
    assert decode(plaintext) == node
    assert decode(b"\x02" + zlib.compress(plaintext[1:])) == node


@pytest.mark.parametrize("size", [255, 256, 70_000, 1 << 20])
def test_long_contents_and_lists_come_back(size: int) -> None:
    assert decode(encode(Node("iq", {}, bytes(size)))).data == bytes(size)
    children = tuple(Node("key") for _ in range(min(size, 1000)))
    assert decode(encode(Node("list", {}, children))).children == children


@few
@given(nodes, st.data())
def test_a_node_cut_short_is_refused(node: Node, data: st.DataObject) -> None:
    plaintext = encode(node)
    end = data.draw(st.integers(0, len(plaintext) - 1))
    with pytest.raises(BinaryError):
        decode(plaintext[:end])


@few
@given(st.binary(max_size=200))
def test_garbage_is_refused_with_the_right_error(garbage: bytes) -> None:
    for reader, error in (
        (decode, BinaryError),
        (parse_signal, SignalWireError),
        (parse_prekey, SignalWireError),
    ):
        try:
            reader(garbage)
        except error:
            continue
    with pytest.raises(QrError):
        parse_qr(garbage.decode("latin-1"))


def test_the_jid_of_the_server_is_a_pair_without_a_user() -> None:
    assert encode(Node("iq", {"from": SERVER})) == bytes((0, 248, 3, 25, 6, 250, 0, 3))


@few
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=64)), max_size=12))
def test_two_sides_of_a_session_read_each_other(talk: list[tuple[bool, bytes]]) -> None:
    ours, theirs = KeyPair.generate(), KeyPair.generate()
    signed, prekey = KeyPair.generate(), KeyPair.generate()
    caller = begin(ours, 7, theirs.public, (1, signed.public), (9, prekey.public))
    kind, data, caller = caller.encrypt(b"hello")
    first = parse_prekey(data)
    assert (kind, first.prekey_id, first.signed_prekey_id) == ("pkmsg", 9, 1)
    called = accept(first, theirs, signed, prekey)
    plaintext, called = called.decrypt(first.message)
    assert plaintext == b"hello"
    sides: dict[bool, Session] = {True: caller, False: called}
    for from_caller, text in talk:
        kind, data, sides[from_caller] = sides[from_caller].encrypt(text)
        message = parse_prekey(data).message if kind == "pkmsg" else parse_signal(data)
        plaintext, sides[not from_caller] = sides[not from_caller].decrypt(message)
        assert plaintext == text
        with pytest.raises(RatchetError):
            sides[not from_caller].decrypt(message)


def test_a_session_refuses_a_message_of_another() -> None:
    ours, theirs, signed = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
    _, data, _ = begin(ours, 7, theirs.public, (1, signed.public), None).encrypt(b"hello")
    first = parse_prekey(data)
    wrong = accept(first, theirs, KeyPair.generate(), None)
    with pytest.raises(RatchetError, match="wrong MAC"):
        wrong.decrypt(first.message)
    assert len(theirs.sign(KEY_TYPE + signed.public)) == 64
