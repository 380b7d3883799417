"""For how long an idle connection is trusted."""

from __future__ import annotations

import math

import pytest

from mix_tunnel.runtime.http.http1.keep_alive import SHORTEST_USUAL_S, SLACK_S, KeepAlive


@pytest.mark.parametrize(
    ("value", "limit_s"),
    [
        ("timeout=5", 5),
        ("max=100, timeout=5", 5),
        ("TIMEOUT = 5", 5),
        ('timeout="5"', 5),
        ("timeout=5, timeout=9", 5),
        ("xtimeout=5", math.inf),
        ("timeout=", math.inf),
        ("timeout=" + "9" * 400, 999_999_999),
        ("", math.inf),
    ],
)
def test_the_hint(value, limit_s):
    kept = KeepAlive(0.25)
    kept.answered(9.0, [("Date", "timeout=1"), ("Keep-Alive", value)])
    assert kept.limit_s == limit_s - 0.25 - SLACK_S


def test_the_last_answers_hint_counts():
    kept = KeepAlive()
    kept.answered(0.0, [("keep-alive", "timeout=5")])
    kept.answered(0.0, [])
    assert kept.limit_s == math.inf


def test_the_way_there_and_back_is_the_shortest_one_seen():
    kept = KeepAlive(3.0)
    kept.answered(2.0, [("Keep-Alive", "timeout=5")])
    assert kept.limit_s == 3.0 - SLACK_S
    kept.answered(4.0, [("Keep-Alive", "timeout=5")])  # the server had to think
    assert kept.limit_s == 3.0 - SLACK_S


def test_what_may_not_be_repeated_takes_no_risk():
    kept = KeepAlive(2.0)
    assert kept.lasts(60.0, repeatable=True)
    assert kept.lasts(SHORTEST_USUAL_S - 2.0 - SLACK_S - 0.1, repeatable=False)
    assert not kept.lasts(SHORTEST_USUAL_S - 2.0 - SLACK_S, repeatable=False)


def test_a_way_longer_than_the_hint():
    kept = KeepAlive(8.0)
    kept.answered(8.0, [("Keep-Alive", "timeout=5")])
    assert not kept.lasts(0.0, repeatable=True)
