"""Nothing but what a quorum of the trusted directories has signed, of now, and never one from before."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import PeerMisbehaved
from mix_protocol.topology.errors import (
    DocumentTooLarge,
    InconsistentDocuments,
    MalformedDocument,
    NoQuorum,
    SnapshotExpired,
)
from mix_protocol.topology.signed_snapshot import (
    MAX_SIGNATURES,
    SignedSnapshot,
    Snapshot,
    SnapshotDocuments,
    SnapshotSignature,
    SnapshotTrust,
)

CRYPTO = NativeCrypto()
RANDOM = SeededRandom("directories")
SEEDS = [RANDOM(32) for _ in range(4)]
KEYS = [CRYPTO.ed25519_public(seed) for seed in SEEDS]
NOW = 1_800_000_000
DOCUMENTS = SnapshotDocuments(b'{"a":1}', b"{}", b"[]", b"{}", b"null")
SNAPSHOT = Snapshot(7, NOW, NOW + 3600, DOCUMENTS.encode())


def signed(*signers: int, snapshot: Snapshot = SNAPSHOT) -> SignedSnapshot:
    return SignedSnapshot(snapshot, tuple(snapshot.sign(CRYPTO, SEEDS[each]) for each in signers))


def test_what_is_served_is_read_again():
    served = signed(0, 1).encode()
    assert SignedSnapshot.decode(served) == signed(0, 1)
    assert SnapshotDocuments.decode(SignedSnapshot.decode(served).snapshot.body) == DOCUMENTS
    # A newer directory may tell more.
    assert SnapshotDocuments.decode(SNAPSHOT.body + b"\n{}") == DOCUMENTS


def test_a_majority_is_wanted_unless_another_quorum_is():
    assert [SnapshotTrust(KEYS[:count]).quorum for count in (1, 2, 3, 4)] == [1, 2, 2, 3]
    trust = SnapshotTrust(KEYS[:3])
    assert trust.check(signed(0, 2), CRYPTO, NOW) == 2
    assert trust.check(signed(0, 1, 2), CRYPTO, NOW) == 3
    with pytest.raises(NoQuorum) as caught:
        trust.check(signed(1), CRYPTO, NOW)
    assert caught.value.fields == {"signed": 1, "quorum": 2, "trusted": 3}
    assert SnapshotTrust(KEYS[:3], 1).check(signed(1), CRYPTO, NOW) == 1


@pytest.mark.parametrize(
    "signatures",
    [
        (),
        signed(0, 0, 0).signatures,
        signed(0, 3).signatures,
        (*signed(0).signatures, SnapshotSignature(KEYS[1], signed(0).signatures[0].signature)),
        (*signed(0).signatures, SnapshotSignature(KEYS[1], bytes(64))),
        signed(0, 1, snapshot=replace(SNAPSHOT, body=SNAPSHOT.body + b"\n")).signatures,
        signed(0, 1, snapshot=replace(SNAPSHOT, epoch_id=8)).signatures,
        signed(0, 1, snapshot=replace(SNAPSHOT, taken_at=NOW + 1)).signatures,
        signed(0, 1, snapshot=replace(SNAPSHOT, valid_until=NOW + 3601)).signatures,
    ],
    ids=["none", "one thrice", "a stranger's", "another's", "none at all", "body", "epoch", "moment", "end"],
)
def test_what_is_no_quorum(signatures):
    with pytest.raises(NoQuorum):
        SnapshotTrust(KEYS[:3]).check(SignedSnapshot(SNAPSHOT, signatures), CRYPTO, NOW)


def test_strangers_signatures_beside_a_quorum_do_no_harm():
    assert SnapshotTrust(KEYS[:3]).check(signed(3, 0, 1), CRYPTO, NOW) == 2


@pytest.mark.parametrize("wall_s", [NOW - 31, NOW + 3631])
def test_another_time_is_refused(wall_s):
    with pytest.raises(SnapshotExpired):
        SnapshotTrust(KEYS[:3]).check(signed(0, 1), CRYPTO, wall_s)


def test_an_old_one_is_not_accepted_after_a_newer_one_though_it_is_still_valid():
    trust = SnapshotTrust(KEYS[:3])
    newer = replace(SNAPSHOT, epoch_id=8, taken_at=NOW + 60)
    trust.check(signed(0, 1), CRYPTO, NOW + 90)
    trust.check(signed(1, 2, snapshot=newer), CRYPTO, NOW + 90)
    trust.check(signed(0, 1, snapshot=newer), CRYPTO, NOW + 90)
    with pytest.raises(InconsistentDocuments):
        trust.check(signed(0, 1), CRYPTO, NOW + 90)
    # What was refused leaves no trace.
    with pytest.raises(NoQuorum):
        trust.check(signed(0, snapshot=replace(SNAPSHOT, epoch_id=9)), CRYPTO, NOW + 90)
    trust.check(signed(0, 1, snapshot=newer), CRYPTO, NOW + 90)


def test_bounds():
    header, _, body = signed(*[0] * MAX_SIGNATURES).encode().partition(b"\n")
    SignedSnapshot.decode(header + b"\n" + body)
    one_more = header.replace(
        b'"signatures":[', b'"signatures":[' + header.partition(b"[")[2].partition(b"}")[0] + b"},"
    )
    with pytest.raises(MalformedDocument):
        SignedSnapshot.decode(one_more + b"\n" + body)
    with pytest.raises(MalformedDocument):
        SignedSnapshot.decode(b"{" * (1 << 20))
    with pytest.raises(DocumentTooLarge):
        SignedSnapshot.decode(bytes(13 << 20))
    with pytest.raises(MalformedDocument):
        SnapshotDocuments.decode(b"{}\n{}")


@given(data=st.data())
def test_no_changed_byte_is_accepted(data):
    """Neither in the header, nor in any document: it is refused, or it is the same."""
    served = bytearray(signed(0, 1).encode())
    served[data.draw(st.integers(0, len(served) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = SignedSnapshot.decode(bytes(served))
        SnapshotTrust(KEYS[:2], 2).check(again, CRYPTO, NOW)
    except PeerMisbehaved:
        return
    assert again.snapshot == SNAPSHOT
