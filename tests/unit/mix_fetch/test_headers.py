"""Headers: a mapping without case that keeps repeated ones."""

from __future__ import annotations

import pytest

from mix_fetch import Headers

HEADERS = Headers([("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")])


def test_names_have_no_case():
    assert HEADERS["content-TYPE"] == "text/plain"
    assert "CONTENT-type" in HEADERS
    assert HEADERS.get("x") is None
    with pytest.raises(KeyError):
        HEADERS["x"]


def test_repeated_headers_are_joined_and_kept_apart():
    assert HEADERS["set-cookie"] == "a=1, b=2"
    assert HEADERS.get_all("SET-COOKIE") == ["a=1", "b=2"]
    assert HEADERS.items_apart()[2] == ("set-cookie", "b=2")


def test_it_is_a_mapping():
    assert list(HEADERS) == ["content-type", "set-cookie"]
    assert len(HEADERS) == 2
    assert dict(HEADERS) == {"content-type": "text/plain", "set-cookie": "a=1, b=2"}
