"""A node tells a directory that it is there."""

import json
from dataclasses import replace

import pytest

from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.node_api.announcement import Announcement
from mix_protocol.node_api.errors import InvalidSignature, StaleRequest

CRYPTO = NativeCrypto()
NOW = 1_795_000_000


def announcement(**changes):
    return Announcement.sign(
        CRYPTO, bytes(range(32)), **{"host": "192.0.2.7", "http_port": 8080, "timestamp": NOW, **changes}
    )


def test_it_is_read_as_it_was_signed():
    signed = announcement()
    read = Announcement.decode(signed.encode())
    assert read == signed
    read.check(CRYPTO, NOW + 1.5)


@pytest.mark.parametrize(
    "change", [{"host": "192.0.2.8"}, {"http_port": 8081}, {"timestamp": NOW - 1}, {"identity": b"i" * 32}]
)
def test_nothing_of_it_can_be_changed(change):
    with pytest.raises(InvalidSignature):
        replace(announcement(), **change).check(CRYPTO, NOW)


@pytest.mark.parametrize("wall_s", [NOW + 31, NOW - 6])
def test_it_is_of_now(wall_s):
    with pytest.raises(StaleRequest):
        announcement().check(CRYPTO, wall_s)


@pytest.mark.parametrize(
    "change",
    [
        {"http_port": 0},
        {"http_port": 65536},
        {"http_port": "8080"},
        {"host": ""},
        {"host": "x" * 254},
        {"host": "two\nlines"},
        {"host": "h\u00f6st"},
        {"request_timestamp": 1 << 64},
        {"node_identity": "0OIl"},
        {"signature": "1"},
        {"node_identity": None},
    ],
)
def test_what_it_is_not(change):
    wire = json.loads(announcement().encode())
    with pytest.raises(PeerMisbehaved):
        Announcement.decode(json.dumps({**wire, **change}).encode())


def test_it_is_no_garbage():
    with pytest.raises(MalformedMessage):
        Announcement.decode(b"{}")
