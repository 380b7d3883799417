"""Who has most."""

from hypothesis import given
from hypothesis import strategies as st

from mix_network.shares import Shares


def test_nobody_has_anything():
    assert Shares().greediest() is None
    assert Shares().of("anybody") == 0


def test_of_equals_the_one_that_has_had_as_much_for_longest():
    shares = Shares()
    for holder in ("a", "b", "a", "b"):
        shares.change(holder, 1)
    assert shares.greediest() == "a"
    shares.change("a", -1)
    assert shares.greediest() == "b"


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(-9, 9)), max_size=400))
def test_the_greediest_has_most_whatever_happened(changes):
    shares, amounts = Shares(), {}
    for holder, by in changes:
        by = max(by, -amounts.get(holder, 0))
        amounts[holder] = amounts.get(holder, 0) + by
        shares.change(holder, by)
        greediest = shares.greediest()
        most = max(amounts.values())
        assert (amounts[greediest] if greediest is not None else 0) == most
        assert len(shares) == sum(amount > 0 for amount in amounts.values())
        assert len(shares._heap) <= 2 * len(shares) + 65
