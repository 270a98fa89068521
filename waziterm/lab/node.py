"""Nodes: the elements of WhatsApp's binary XML."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from waziterm.domain.frozen import dataclass
from waziterm.domain.jid import Jid

SERVER = Jid("", 0, "s.whatsapp.net")

Attrs = Mapping[str, "str | Jid"]


@dataclass(frozen=True, slots=True)
class Node:
    """One element: its tag, its attributes and either children, bytes or nothing.

    A JID in an attribute is a `Jid`, everything else is text.
    """

    tag: str
    attrs: Attrs = field(default_factory=dict)
    content: "tuple[Node, ...] | bytes | None" = None

    @property
    def children(self) -> "tuple[Node, ...]":
        """The child elements; empty when the content is bytes or nothing."""
        return self.content if isinstance(self.content, tuple) else ()

    @property
    def data(self) -> bytes:
        """The bytes of the content; empty when there are none."""
        return self.content if isinstance(self.content, bytes) else b""

    def child(self, tag: str) -> "Node | None":
        """The first child with that tag."""
        return next((node for node in self.children if node.tag == tag), None)

    def find(self, *path: str) -> "Node | None":
        """Follow the first children with these tags, one level each."""
        node: Node | None = self
        for tag in path:
            node = node.child(tag) if node is not None else None
        return node

    def all(self, tag: str) -> "Iterator[Node]":
        """Every child with that tag."""
        return (node for node in self.children if node.tag == tag)

    def text(self, name: str) -> str:
        """An attribute as text; empty when it is missing."""
        return str(self.attrs.get(name, ""))

    def jid(self, name: str) -> Jid | None:
        """An attribute that is a JID, or None."""
        value = self.attrs.get(name)
        return value if isinstance(value, Jid) else None
