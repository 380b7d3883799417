"""Epochs, rotations, and the keys that nodes hold around a rotation's boundary."""

import pytest

from mix_network.node_keys import SphinxKeyring
from mix_network.rotation import RotationSchedule
from mix_protocol.addressing import KeyRotation
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.crypto.randomness import SeededRandom

SCHEDULE = RotationSchedule(epoch_duration_s=100, validity_epochs=10, genesis_unix_s=1000.0)


def wall(epoch: int) -> float:
    """A moment in the middle of an epoch."""
    return SCHEDULE.epoch_start(epoch) + 50


def keyring(epoch: int) -> SphinxKeyring:
    return SphinxKeyring(NativeCrypto(), SeededRandom(1), SCHEDULE, wall(epoch))


def test_epochs_are_counted_from_the_origin():
    assert SCHEDULE.epoch_at(1000.0 + 100 * 25) == 25
    assert SCHEDULE.epoch_at(1000.0 + 100 * 25 - 0.001) == 24
    assert SCHEDULE.epoch_start(25) == 3500.0
    assert SCHEDULE.rotation_of(25) == 2
    assert SCHEDULE.epochs_of(2) == range(20, 30)


def test_a_clock_before_the_origin_still_gives_a_real_rotation():
    assert SCHEDULE.rotation_of(SCHEDULE.epoch_at(0.0)) == 1


@pytest.mark.parametrize(
    ("epoch", "rotations"), [(20, (2, 1)), (21, (2,)), (28, (2,)), (29, (2, 3)), (30, (3, 2)), (31, (3,))]
)
def test_keys_overlap_by_one_epoch_on_each_side_of_a_boundary(epoch, rotations):
    assert SCHEDULE.accepted_rotations(epoch) == rotations


def test_the_next_key_is_announced_then_used_then_forgotten():
    keys = keyring(28)
    second = keys.current
    assert (second.rotation_id, keys.pre_announced) == (2, None)

    keys.update(wall(29))
    third = keys.pre_announced
    assert keys.current == second
    assert third is not None
    assert third.rotation_id == 3
    assert keys.candidates(KeyRotation.EVEN) == (second,)
    assert keys.candidates(KeyRotation.ODD) == (third,)
    assert keys.candidates(KeyRotation.UNKNOWN) == (second, third)

    keys.update(wall(30))
    assert keys.current == third
    assert keys.candidates(KeyRotation.UNKNOWN) == (third, second)

    keys.update(wall(31))
    assert keys.rotation_ids == (3,)
    assert keys.candidates(KeyRotation.EVEN) == ()


def test_a_node_that_starts_after_a_boundary_makes_no_key_for_the_past():
    assert keyring(30).rotation_ids == (3,)


@pytest.mark.parametrize("wall_s", [3499.9, 2500.0, 1_795_249_698.7, 1_795_249_698.0])
@pytest.mark.parametrize("duration_s", [3, 7, 3600])
def test_an_epoch_can_begin_ahead_of_its_time(wall_s: float, duration_s: int):
    schedule = RotationSchedule(epoch_duration_s=duration_s, validity_epochs=10)
    schedule.begin(500_000_000, wall_s)
    assert schedule.epoch_at(wall_s) == 500_000_000
    assert 0 <= wall_s - schedule.epoch_start(500_000_000) < 1
    assert schedule.epoch_at(wall_s + duration_s) == 500_000_001


def test_secrets_are_not_shown():
    keys = keyring(25)
    assert keys.current.secret.hex() not in repr(keys.current)
    assert repr(keys.current.secret) not in repr(keys.current)


@pytest.mark.parametrize(
    ("wall_s", "begins_at", "is_moved"),
    [
        (3520.7, 3525.0, True),  # epoch 25, of 20 to 29
        (3985.0, 3990.0, True),  # the last one of them
        (3995.0, 4000.0, False),
        (3999.9, 4000.0, False),
    ],
)
def test_keys_change_soon_behind_an_epoch_in_which_the_next_ones_are_announced(wall_s, begins_at, is_moved):
    schedule = RotationSchedule(epoch_duration_s=100, validity_epochs=10, genesis_unix_s=1000.0)
    assert schedule.rotate_soon(wall_s, 5) is is_moved
    assert schedule.epoch_at(wall_s) == 29
    assert schedule.accepted_rotations(29) == (2, 3)
    assert schedule.epoch_start(30) == begins_at
    assert schedule.epoch_at(begins_at) == 30


def test_epochs_never_run_backwards_however_short_they_are():
    schedule = RotationSchedule(epoch_duration_s=2, validity_epochs=10, genesis_unix_s=1000.0)
    for wall_s in (1042.0, 1055.9, 1057.9, 1058.0, 1059.5):
        moved = RotationSchedule(2, 10, 1000.0)
        before = moved.epoch_at(wall_s)
        moved.rotate_soon(wall_s, 5)
        assert moved.epoch_at(wall_s) == 29 >= before
        assert moved.epoch_at(wall_s + 2) == 30
    assert schedule.epoch_at(1042.0) == 21
