"""What a redirect makes of a request."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.errors import BadRedirect, BodyNotReplayable
from mix_tunnel.runtime.http.redirects import redirect_target, redirected
from mix_tunnel.runtime.http.request import HttpRequest, prepare
from mix_tunnel.runtime.http.url import HttpUrl

HERE = HttpUrl.parse("https://a.test/start")


async def pieces():
    yield b"a"


def request(method="GET", body=None, headers=()):
    return prepare(HttpRequest(method, str(HERE), headers, body))


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 309, 400])
def test_other_statuses_do_not_redirect(status):
    assert redirect_target(HERE, status, [("Location", "/x")]) is None


def test_a_redirect_without_location_is_an_answer():
    assert redirect_target(HERE, 302, []) is None


def test_a_location_in_utf8_bytes():
    location = "/ä".encode().decode("latin-1")
    assert redirect_target(HERE, 302, [("location", location)]) == HttpUrl.parse("https://a.test/%C3%A4")


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        (b"/dax\xae_etf", "https://a.test/dax%AE_etf"),
        ("//i\u2764.test/".encode(), "https://xn--i-7iq.test/"),
        ("/x?ü#ß".encode("latin-1"), "https://a.test/x?%FC#%DF"),
    ],
)
def test_bytes_that_are_no_ascii_go_back_as_they_came(raw, target):
    assert str(redirect_target(HERE, 302, [("Location", raw.decode("latin-1"))])) == target


def test_an_empty_location_leads_nowhere():
    assert redirect_target(HERE, 302, [("Location", "")]) is None


@pytest.mark.parametrize("location", ["ftp://b.test/", "http://u:p@b.test/", "http://", "data:text/plain,x"])
def test_locations_that_can_not_be_fetched(location):
    with pytest.raises(BadRedirect):
        redirect_target(HERE, 301, [("Location", location)])


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (301, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "PUT", "PUT"),
    ],
)
def test_the_method(status, method, becomes):
    body = b"abc" if method in ("POST", "PUT") else None
    headers = [("Content-Type", "text/plain"), ("X-A", "1")]
    after = redirected(request(method, body, headers), status, HERE)
    assert after.method == becomes
    assert after.body == (body if becomes == method else None)
    names = [name for name, _ in after.headers]
    assert names == (["X-A"] if becomes == "GET" else ["Content-Type", "X-A"])


def test_a_streamed_body_can_not_be_sent_again():
    with pytest.raises(BodyNotReplayable):
        redirected(request("PUT", pieces()), 307, HERE)
    assert redirected(request("POST", pieces()), 303, HERE).body is None


@pytest.mark.parametrize("target", ["https://b.test/", "http://a.test/", "https://a.test:444/"])
def test_credentials_stay_with_their_origin(target):
    headers = [
        ("Authorization", "secret"),
        ("cookie", "secret"),
        ("Proxy-Authorization", "s"),
        ("Host", "x"),
        ("X-A", "1"),
    ]
    after = redirected(request(headers=headers), 302, HttpUrl.parse(target))
    assert after.headers == (("X-A", "1"),)
    assert after.url.origin == HttpUrl.parse(target).origin


def test_credentials_go_on_within_the_origin():
    after = redirected(request(headers=[("Authorization", "secret")]), 302, HttpUrl.parse("https://a.test/x"))
    assert after.headers == (("Authorization", "secret"),)


def test_several_locations():
    with pytest.raises(BadRedirect):
        redirect_target(HERE, 302, [("Location", "/a"), ("location", "/b")])
    same = [("Location", "/a"), ("location", "/a")]
    assert redirect_target(HERE, 302, same) == HttpUrl.parse("https://a.test/a")


@pytest.mark.parametrize(
    ("target", "kept"),
    [("https://a.test/x", True), ("https://b.test/x", True), ("http://a.test/x", False), ("http://b.test/x", False)],
)
def test_the_callers_referer_does_not_go_to_plain_http(target, kept):
    after = redirected(request(headers=[("Referer", "https://a.test/page")]), 302, HttpUrl.parse(target))
    assert bool(after.headers) is kept


def test_options_go_along():
    given = prepare(HttpRequest("GET", str(HERE), decode=False, default_headers=False))
    after = redirected(given, 302, HttpUrl.parse("https://b.test/"))
    assert (after.decode, after.default_headers) == (False, False)
