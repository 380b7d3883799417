import pytest

from mix_protocol.sphinx.replay import ReplayFilter


def tag(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_tag_is_new_once():
    seen = ReplayFilter()
    assert seen.check_and_set(tag(1))
    assert not seen.check_and_set(tag(1))
    assert seen.check_and_set(tag(2))
    assert not seen.check_and_set(tag(1))
    assert len(seen) == 2


def test_memory_is_bounded_and_the_younger_half_is_never_forgotten():
    seen = ReplayFilter(capacity=100)
    for number in range(1000):
        assert seen.check_and_set(tag(number))
        assert len(seen) <= 100
        assert not any(seen.check_and_set(tag(recent)) for recent in range(max(0, number - 49), number + 1))
    assert seen.check_and_set(tag(0))


@pytest.mark.parametrize("capacity", [-1, 0, 1])
def test_a_filter_remembers_something(capacity: int):
    with pytest.raises(ValueError, match="at least two"):
        ReplayFilter(capacity)
