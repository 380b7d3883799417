"""Dates of Expires, as servers have written them in thirty years."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.cookies.dates import parse_cookie_date

MOMENT = 784_111_777.0  # 6 November 1994, 08:49:37 UTC


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "06 NOVEMBER 1994 8:49:37",
        "1994 6 nov 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 -0800",  # zones are ignored, as in browsers
        "6th Nov 1994 08:49:37utc",
    ],
)
def test_one_moment_in_many_spellings(text):
    assert parse_cookie_date(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "year"),
    [("1 Jan 70 00:00:00", 0.0), ("1 Jan 00 00:00:00", 946_684_800.0), ("1 Jan 69 00:00:00", 3_124_224_000.0)],
)
def test_years_of_two_digits(text, year):
    assert parse_cookie_date(text) == year


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "06 Nov 1994",
        "Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "06 Nov 08:49:37",
        "32 Nov 1994 08:49:37",
        "31 Feb 1994 08:49:37",
        "06 Nov 1600 08:49:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 08:60:00",
        "06 Nov 1994 08:00:60",
        "06 Nov 1994 08:49",
        "0 Nov 1994 08:49:37",
        "٠٦ Nov 1994 08:49:37",
    ],
)
def test_what_is_no_date(text):
    assert parse_cookie_date(text) is None


def test_dates_before_the_epoch_are_dates():
    assert parse_cookie_date("1 Jan 1601 00:00:00") == -11_644_473_600.0
