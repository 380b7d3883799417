import pytest

from mix_network.node_keys import IdentityKeys, ServiceKeys, SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom

SCHEDULE = RotationSchedule(epoch_duration_s=100, validity_epochs=10, genesis_unix_s=0.0)
CRYPTO = NativeCrypto()


def keyring(wall_s: float) -> SphinxKeyring:
    return SphinxKeyring(CRYPTO, SeededRandom("keys"), SCHEDULE, wall_s)


def test_one_key_in_the_middle_of_a_rotation():
    ring = keyring(2500.0)
    assert ring.rotation_ids == (2,)
    assert ring.pre_announced is None
    assert CRYPTO.x25519_public(ring.current.secret) == ring.current.public


def test_a_rotation_goes_by():
    ring = keyring(2800.0)
    old = ring.current
    ring.update(2900.0)  # the last epoch: the next key is announced
    announced = ring.pre_announced
    assert announced.rotation_id == 3
    assert ring.current is old
    ring.update(3000.0)  # the first epoch: the old key is honoured
    assert ring.current is announced
    assert ring.rotation_ids == (3, 2)
    ring.update(3100.0)
    assert ring.rotation_ids == (3,)


@pytest.mark.parametrize(
    ("rotation", "expected"), [(KeyRotation.ODD, (3,)), (KeyRotation.EVEN, (2,)), (KeyRotation.UNKNOWN, (3, 2))]
)
def test_candidates_by_parity(rotation, expected):
    ring = keyring(2900.0)
    ring.update(3000.0)
    assert tuple(pair.rotation_id for pair in ring.candidates(rotation)) == expected


def test_no_key_for_the_other_parity():
    assert keyring(2500.0).candidates(KeyRotation.ODD) == ()


def test_secrets_are_not_shown():
    identity = IdentityKeys(b"s" * 32, bytes(32))
    shown = repr((identity, keyring(2500.0).current, ServiceKeys.generate(CRYPTO, lambda count: b"s" * count)))
    assert "sss" not in shown
