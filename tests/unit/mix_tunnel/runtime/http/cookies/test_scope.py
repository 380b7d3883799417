"""Cookies along a fetch: credentials, redirects, SameSite."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.cookies import CookieJar, CookieScope
from mix_tunnel.runtime.http.request import HttpRequest, prepare
from mix_tunnel.runtime.http.url import HttpUrl

A, A_PORT, SUB, B = "https://a.example.com/", "https://a.example.com:444/", "https://b.example.com/", "https://b.test/"


@pytest.fixture
def jar() -> CookieJar:
    jar = CookieJar(lambda: 1e9)
    for url in (A, SUB, B):
        jar.store(HttpUrl.parse(url), ["strict=1; SameSite=Strict", "lax=1", "none=1; SameSite=None; Secure"])
    return jar


def walk(jar, credentials, *urls, method="GET") -> list[str]:
    """The names of the cookies that the requests to these URLs send."""
    scope = CookieScope(jar, credentials, HttpUrl.parse(urls[0]))
    sent = []
    for url in urls:
        request = scope.attach(prepare(HttpRequest(method, url)))
        cookies = dict(request.headers).get("Cookie", "")
        sent.append(" ".join(pair.partition("=")[0] for pair in cookies.split("; ")))
        scope.learn(HttpUrl.parse(url), [("set-cookie", "seen=1; Path=/seen")])
    return sent


@pytest.mark.parametrize(
    ("credentials", "urls", "method", "sent"),
    [
        ("omit", [A, A], "GET", ["", ""]),
        ("same-origin", [A, A], "GET", ["strict lax none"] * 2),
        ("same-origin", [A, A_PORT], "GET", ["strict lax none", ""]),
        ("same-origin", [A, SUB], "GET", ["strict lax none", ""]),
        ("same-origin", [A, B, A], "GET", ["strict lax none", "", ""]),
        ("include", [A, SUB], "GET", ["strict lax none"] * 2),
        ("include", [A, B], "GET", ["strict lax none", "lax none"]),
        ("include", [A, B, A], "GET", ["strict lax none", "lax none", "lax none"]),
        ("include", [A, B], "POST", ["strict lax none", "none"]),
        ("include", ["http://a.example.com/", A], "GET", ["strict lax", "lax none"]),
    ],
)
def test_who_is_sent_what(jar, credentials, urls, method, sent):
    assert walk(jar, credentials, *urls, method=method) == sent


@pytest.mark.parametrize(("credentials", "stored"), [("omit", []), ("same-origin", [A]), ("include", [A, B])])
def test_who_may_store(jar, credentials, stored):
    walk(jar, credentials, A, B)
    hosts = {each["domain"] for each in jar.export() if each["name"] == "seen"}
    assert hosts == {HttpUrl.parse(url).host for url in stored}


def test_the_callers_own_cookies_are_left_alone(jar):
    request = prepare(HttpRequest("GET", A, [("cookie", "mine=1")]))
    assert CookieScope(jar, "include", request.url).attach(request) is request


def test_without_a_jar_nothing_happens():
    request = prepare(HttpRequest("GET", A))
    scope = CookieScope(None, "include", request.url)
    scope.learn(request.url, [("Set-Cookie", "a=b")])
    assert scope.attach(request) is request
