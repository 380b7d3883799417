"""Emulated links keep their word whatever is sent over them, and whenever."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mix_network.links.model import LinkModel, Loss
from mix_network.links.profile import PRESETS, LinkProfile, parse_links
from mix_protocol.crypto.randomness import SeededRandom
from mix_protocol.errors import UsageError

PROFILES = st.builds(
    LinkProfile,
    delay_s=st.floats(0, 2),
    jitter_s=st.floats(0, 2),
    loss=st.floats(0, 0.9),
    rate_bit_s=st.one_of(st.none(), st.floats(8e3, 1e7)),
)
SENDING = st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 3000)), max_size=60)
"""Pauses in seconds, and sizes in bytes."""


def run(
    profile: LinkProfile, loss: Loss, sending: list[tuple[float, int]], seed: int
) -> tuple[list[tuple[float, int]], list[tuple[float, int, int]]]:
    """What was taken (when, number), and what arrived (when, number, size)."""
    model: LinkModel[tuple[int, ...]] = LinkModel(SeededRandom(seed), loss, profile)
    taken, arrived, now = [], [], 0.0
    for number, (pause_s, size_bytes) in enumerate(sending):
        now += pause_s
        if model.put((number,) * size_bytes, now) is None:
            taken.append((now, number))
    while (due := model.next_timeout()) is not None:
        arrived += [(due, item[0], len(item)) for item in model.take(due)]
    assert len(model) == 0
    return taken, arrived


@given(profile=PROFILES, loss=st.sampled_from(Loss), sending=SENDING, seed=st.integers(0, 9))
def test_order_delay_and_rate(profile: LinkProfile, loss: Loss, sending: list[tuple[float, int]], seed: int) -> None:
    taken, arrived = run(profile, loss, sending, seed)
    assert [number for _, number, _ in arrived] == [number for _, number in taken]
    for (sent_at, _), (at, _, _) in zip(taken, arrived, strict=True):
        assert at >= sent_at + profile.delay_s - 1e-9
    if loss is Loss.REPEATED:
        assert len(taken) == len(sending)
    if profile.rate_bit_s is not None:
        for (before, _, _), (after, _, size_bytes) in pairwise(arrived):
            assert after - before >= 8 * size_bytes / profile.rate_bit_s - 1e-6


@given(profile=PROFILES, loss=st.sampled_from(Loss), sending=SENDING, seed=st.integers(0, 9))
def test_the_same_seed_does_the_same(
    profile: LinkProfile, loss: Loss, sending: list[tuple[float, int]], seed: int
) -> None:
    assert run(profile, loss, sending, seed) == run(profile, loss, sending, seed)


@given(before=PROFILES, after=PROFILES, sending=SENDING)
def test_order_is_kept_when_the_link_is_switched(
    before: LinkProfile, after: LinkProfile, sending: list[tuple[float, int]]
) -> None:
    model: LinkModel[bytes] = LinkModel(SeededRandom(1), Loss.REPEATED, before)
    now = 0.0
    for number, (pause_s, _) in enumerate(sending):
        now += pause_s
        if number == len(sending) // 2:
            model.change(after)
        model.put(bytes([number]), now)
    arrived = []
    while (due := model.next_timeout()) is not None:
        arrived += model.take(due)
    assert arrived == [bytes([number]) for number in range(len(sending))]


@given(st.one_of(st.text(), st.text(alphabet="delayjitrsosmkbg=%0123456789. -"), st.sampled_from(sorted(PRESETS))))
def test_any_text_is_links_or_a_clear_error(text: str) -> None:
    try:
        links = parse_links(text)
    except UsageError:
        return
    assert parse_links(links.text) == links
