"""What ends up in a log: no key, no traffic, no address. Dataclasses show none of their bytes."""

import dataclasses
import importlib
import pkgutil

import pytest

import mix_protocol
from mix_protocol.addressing import NodeAddress, Recipient
from mix_protocol.ipr.events import ExitReported
from mix_protocol.ipr.responses import InfoKind, InfoLevel
from mix_protocol.ipr.router import RouterReply
from mix_protocol.netstack.tcp.control_block import Flow

# What is as random on every packet as its ciphertext, and on no log's way anyway.
HARMLESS = {
    ("BuiltHeader", "header"),
    ("FinalPacket", "surb_identifier"),
}


def dataclasses_of_protocol():
    names = [module.name for module in pkgutil.walk_packages(mix_protocol.__path__, "mix_protocol.")]
    modules = [importlib.import_module(name) for name in names]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return sorted(filter(dataclasses.is_dataclass, found), key=lambda kind: (kind.__module__, kind.__qualname__))


@pytest.mark.parametrize("kind", dataclasses_of_protocol(), ids=lambda kind: kind.__qualname__)
def test_no_bytes_in_a_representation(kind):
    shown = {
        (kind.__name__, part.name)
        for part in dataclasses.fields(kind)
        if part.repr and str(part.type).startswith(("bytes", "tuple[bytes", "list[bytes"))
    }
    assert shown <= HARMLESS


def test_addresses_are_not_shown():
    keys = [bytes([number]) * 32 for number in (1, 2, 3)]
    shown = [
        repr(Recipient(*keys)),
        repr(NodeAddress.from_text("192.0.2.7", 1789)),
        repr(ExitReported(InfoKind.GENERIC, InfoLevel.WARN, "192.0.2.7:80")),
    ]
    assert not any("192.0.2.7" in text or "\\x" in text for text in shown)


def test_tuples_show_neither_traffic_nor_addresses():
    assert repr(RouterReply(b"tag", b"said", is_control=True)) == "RouterReply(is_control=True)"
    assert repr(Flow(bytes(4), 4000, bytes((192, 0, 2, 7)), 443)) == "Flow()"
