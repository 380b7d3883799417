"""How a person writes down what links are like."""

from __future__ import annotations

import pytest

from mix_network.errors import InvalidNetworkOption
from mix_network.links.profile import PERFECT, PRESETS, LinkProfile, parse_links
from mix_network.options import NetworkOptions


def test_keys_and_values_are_for_all_links_alike():
    links = parse_links("delay=80ms jitter=30ms loss=1% rate=2mbit")
    assert links.client == links.nodes == LinkProfile(0.08, 0.03, 0.01, 2e6)
    assert links.text == "delay=80ms jitter=30ms loss=1% rate=2mbit"


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("delay=1.5s", LinkProfile(delay_s=1.5)),
        ("  rate=64kbit\n", LinkProfile(rate_bit_s=64_000)),
        ("rate=10gbit", LinkProfile(rate_bit_s=10e9)),
        ("LOSS=0.5%", LinkProfile(loss=0.005)),
        ("delay=0ms", PERFECT),
        ("jitter=250us", LinkProfile(jitter_s=0.00025)),
    ],
)
def test_units(text: str, profile: LinkProfile):
    assert parse_links(text).nodes == profile


def test_presets_go_by_name():
    assert list(PRESETS) == ["none", "home", "mobile", "mainnet"]
    for name in PRESETS:
        assert parse_links(name.upper()) is PRESETS[name]
    assert PRESETS["none"].client == PRESETS["none"].nodes == PERFECT


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a link is none, home, mobile, mainnet, or such as 'delay=80ms"),
        ("satellite", "'satellite' is neither key=value nor one of none, home, mobile, mainnet alone"),
        ("mobile loss=1%", "'mobile' is neither"),
        ("latency=80ms", "there is no 'latency' of a link; it has delay, jitter, loss, rate"),
        ("delay=80", "'80' is no delay: it is from 0ms to 10s, with the unit us, ms or s"),
        ("delay=80min", "'80min' is no delay"),
        ("delay=-80ms", "'-80ms' is no delay"),
        ("delay=nanms", "'nanms' is no delay"),
        ("delay=1e3ms", "'1e3ms' is no delay"),
        ("delay=", "'' is no delay"),
        ("delay=11s", "delay is out of bounds: it is from 0ms to 10s"),
        ("loss=1", "'1' is no loss: it is from 0% to 90%, with the sign %"),
        ("loss=91%", "loss is out of bounds"),
        ("rate=0mbit", "rate is out of bounds: it is from 8kbit to 10gbit"),
        ("rate=11gbit", "rate is out of bounds"),
        ("rate=2mb", "'2mb' is no rate"),
        ("delay=1s delay=2s", "delay is given twice"),
        ("delay=1s " * 100, "a link is"),
        ("x" * 150, "'" + "x" * 24 + "' is neither"),
        (80, "a link is"),
    ],
)
def test_what_was_wrong_and_what_is_allowed(text: str, says: str):
    with pytest.raises(InvalidNetworkOption) as caught:
        parse_links(text)
    assert says in str(caught.value)
    assert caught.value.fields == {"option": "link"}


def test_the_network_refuses_a_wrong_link_before_it_starts():
    with pytest.raises(InvalidNetworkOption, match="latency"):
        NetworkOptions(link="latency=80ms")
