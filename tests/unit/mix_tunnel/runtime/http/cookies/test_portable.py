"""Export and load: a round trip, and what is refused."""

from __future__ import annotations

import json

import pytest

from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.cookies.cookie import MAX_AGE_S
from mix_tunnel.runtime.http.cookies.errors import InvalidCookie
from mix_tunnel.runtime.http.cookies.portable import MAX_PATH_LENGTH
from mix_tunnel.runtime.http.url import HttpUrl

NOW = 1_000_000_000.0
URL = HttpUrl.parse("https://a.example.com/p/q")
HEADERS = (
    "z=1",
    "a=2; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=60",
    "m=\xe9; SameSite=Lax",
)


def jar() -> CookieJar:
    return CookieJar(lambda: NOW)


def cookie(**members) -> dict:
    return {"name": "n", "value": "v", "domain": "example.com", **members}


def test_a_round_trip():
    first, second = jar(), jar()
    first.store(URL, HEADERS)
    exported = first.export()
    assert exported[1] == {
        "name": "a",
        "value": "2",
        "domain": "example.com",
        "host_only": False,
        "path": "/",
        "expires": NOW + 60,
        "secure": True,
        "http_only": True,
        "same_site": "none",
    }
    second.load(json.loads(json.dumps(exported)))
    assert second.export() == exported
    assert second.header_for(URL) == first.header_for(URL) == "z=1; m=\xe9; a=2"


def test_loaded_cookies_take_the_place_of_the_same_ones():
    loaded = jar()
    loaded.load([cookie(value="old"), cookie(name="other")])
    loaded.load([cookie(value="new")])
    assert [each["value"] for each in loaded.export()] == ["new", "v"]


def test_members_that_may_be_absent():
    loaded = jar()
    loaded.load([cookie()])
    (exported,) = loaded.export()
    assert (exported["host_only"], exported["path"], exported["expires"]) == (True, "/", None)
    assert loaded.header_for(HttpUrl.parse("http://example.com/")) == "n=v"
    assert loaded.header_for(HttpUrl.parse("http://a.example.com/")) == ""


def test_what_has_expired_is_neither_loaded_nor_exported():
    loaded = jar()
    loaded.load([cookie(expires=NOW), cookie(name="early", expires=-(10**400)), cookie(name="later", expires=NOW + 1)])
    assert [each["name"] for each in loaded.export()] == ["later"]


def test_long_lives_are_cut():
    loaded = jar()
    loaded.load([cookie(expires=1e18), cookie(name="other", expires=10**400)])
    assert [each["expires"] for each in loaded.export()] == [NOW + MAX_AGE_S] * 2


@pytest.mark.parametrize(
    ("item", "member"),
    [
        ("text", "it"),
        ({"name": "n", "value": "v"}, "domain"),
        (cookie(extra=1), "extra"),
        (cookie(name=1), "name"),
        (cookie(name="a=b"), "name"),
        (cookie(name="a;b"), "name"),
        (cookie(name="a\r\nX: y"), "name"),
        (cookie(value="a; b"), "value"),
        (cookie(value="a\x00"), "value"),
        (cookie(value=" a"), "value"),
        (cookie(value="snow ☃"), "value"),
        (cookie(name="", value=""), "value"),
        (cookie(value="x" * 4096), "value"),
        (cookie(domain="Example.com"), "domain"),
        (cookie(domain=".example.com"), "domain"),
        (cookie(domain=""), "domain"),
        (cookie(domain="com", host_only=False), "domain"),
        (cookie(domain="[::1]"), "domain"),
        (cookie(domain=3), "domain"),
        (cookie(path="p"), "path"),
        (cookie(path=""), "path"),
        (cookie(path="/a\x00b"), "path"),
        (cookie(path="/" + "x" * MAX_PATH_LENGTH), "path"),
        (cookie(host_only="yes"), "host_only"),
        (cookie(secure=1), "secure"),
        (cookie(http_only=None), "http_only"),
        (cookie(expires="tomorrow"), "expires"),
        (cookie(expires=True), "expires"),
        (cookie(expires=float("nan")), "expires"),
        (cookie(same_site="maybe"), "same_site"),
        (cookie(same_site=["lax"]), "same_site"),
        (cookie(same_site="none"), "same_site"),
        (cookie(name="__Host-n"), "name"),
        (cookie(name="__Secure-n"), "name"),
    ],
)
def test_what_is_no_cookie(item, member):
    loaded = jar()
    with pytest.raises(InvalidCookie) as caught:
        loaded.load([cookie(name="good"), item])
    assert caught.value.fields == {"index": 1, "member": member}
    assert len(loaded) == 0


@pytest.mark.parametrize("cookies", [None, {}, "[]", 3])
def test_what_is_no_list(cookies):
    with pytest.raises(InvalidCookie):
        jar().load(cookies)


@pytest.mark.parametrize("domain", ["127.0.0.1", "::1", "localhost", "xn--e1afmkfd.xn--p1ai"])
def test_hosts_of_every_kind(domain):
    loaded = jar()
    loaded.load([cookie(domain=domain)])
    host = f"[{domain}]" if ":" in domain else domain
    assert loaded.header_for(HttpUrl.parse(f"http://{host}/")) == "n=v"


def test_values_are_told_to_nobody():
    with pytest.raises(InvalidCookie) as caught:
        jar().load([cookie(value="hidden;")])
    assert "hidden" not in str(caught.value)
