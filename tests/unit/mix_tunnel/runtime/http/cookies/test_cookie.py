"""Set-Cookie, parsed."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.cookies.cookie import MAX_AGE_S, parse_set_cookie

NOW = 1_000_000_000.0


def parsed(header: str):
    return parse_set_cookie(header, NOW)


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("a=b", "a", "b"),
        ("a=b=c", "a", "b=c"),
        ('a="b c"', "a", '"b c"'),
        ("  a\t = b ; Path=/", "a", "b"),
        ("a=", "a", ""),
        ("=b", "", "b"),
        ("b", "", "b"),
        ("a=\xe9\xff", "a", "\xe9\xff"),
        ("a=b\tc", "a", "b\tc"),
        ("a=" + "x" * 4095, "a", "x" * 4095),
    ],
)
def test_names_and_values(header, name, value):
    cookie = parsed(header)
    assert cookie is not None
    assert (cookie.name, cookie.value) == (name, value)


@pytest.mark.parametrize(
    "header", ["", ";", "=", " = ; Secure", "a=" + "x" * 4096, "a=b\x00", "a=b\nc", "a=b; Path=/\x7f"]
)
def test_what_is_ignored(header):
    assert parsed(header) is None


def test_attributes():
    cookie = parsed("a=b; domain=.Example.ORG; PATH=/p; secure=anything; HttpOnly; SameSite=STRICT; Priority=High")
    assert (cookie.domain, cookie.path) == ("example.org", "/p")
    assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "strict")
    plain = parsed("a=b")
    assert (plain.domain, plain.path, plain.expires) == ("", "", None)
    assert (plain.secure, plain.http_only, plain.same_site) == (False, False, "default")


def test_the_last_attribute_counts():
    cookie = parsed("a=b; Path=/1; Path=/2; SameSite=Lax; SameSite=None; Domain=a.test; Domain=b.test")
    assert (cookie.path, cookie.same_site, cookie.domain) == ("/2", "none", "b.test")
    assert parsed("a=b; Path=/1; Path=relative").path == ""


@pytest.mark.parametrize(
    ("attributes", "expires"),
    [
        ("Max-Age=60", NOW + 60),
        ("Max-Age=0", NOW),
        ("Max-Age=-1", 0.0),
        ("Max-Age=99999999999999999999999999", NOW + MAX_AGE_S),
        ("Max-Age=" + "9" * 1000, NOW + MAX_AGE_S),
        ("Max-Age=00000000000060", NOW + 60),
        ("Max-Age=1.5", None),
        ("Max-Age=", None),
        ("Max-Age=+60", None),
        ("Expires=Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0),
        ("Expires=Sun, 06 Nov 2094 08:49:37 GMT", NOW + MAX_AGE_S),
        ("Expires=soon", None),
        ("Max-Age=60; Expires=Sun, 06 Nov 1994 08:49:37 GMT", NOW + 60),
        ("Max-Age=60; Max-Age=soon", NOW + 60),
    ],
)
def test_how_long_it_lives(attributes, expires):
    assert parsed(f"a=b; {attributes}").expires == expires


def test_overlong_attributes_are_passed_over():
    assert parsed("a=b; Path=/" + "x" * 1024).path == ""
    assert parsed("a=b; Path=/" + "x" * 1023).path == "/" + "x" * 1023


def test_the_value_is_no_part_of_the_representation():
    assert "hidden" not in repr(parsed("a=hidden"))
