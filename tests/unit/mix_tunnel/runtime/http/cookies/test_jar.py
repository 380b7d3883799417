"""The jar: who may set what, who gets what, and what goes when there is too much."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.cookies.jar import MAX_IN_ALL, MAX_PER_SITE
from mix_tunnel.runtime.http.url import HttpUrl


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jar(clock) -> CookieJar:
    return CookieJar(clock)


def store(jar: CookieJar, url: str, *headers: str) -> None:
    jar.store(HttpUrl.parse(url), headers)


def sent(jar: CookieJar, url: str, **circumstances) -> str:
    return jar.header_for(HttpUrl.parse(url), **circumstances)


def test_a_cookie_comes_back_to_its_host_alone(jar):
    store(jar, "https://a.example.com/x/y", "n=v")
    assert sent(jar, "https://a.example.com/x/z") == "n=v"
    assert sent(jar, "https://a.example.com:8443/x/z") == "n=v"
    assert sent(jar, "http://a.example.com/x/z") == "n=v"
    for url in ("https://example.com/x/z", "https://b.a.example.com/x/z", "https://other.test/x/z"):
        assert sent(jar, url) == ""
    assert sent(jar, "https://a.example.com/") == ""


def test_a_cookie_for_a_domain_comes_to_its_subdomains(jar):
    store(jar, "https://a.example.com/", "n=v; Domain=example.com; Path=/")
    for url in ("https://example.com/", "https://a.example.com/", "https://x.y.example.com/"):
        assert sent(jar, url) == "n=v"
    assert sent(jar, "https://badexample.com/") == ""


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://a.example.com/", "n=v; Domain=b.example.com"),
        ("https://example.com/", "n=v; Domain=a.example.com"),
        ("https://example.com/", "n=v; Domain=com"),
        ("https://www.example.co.uk/", "n=v; Domain=co.uk"),
        ("https://me.github.io/", "n=v; Domain=github.io"),
        ("https://a.test/", "n=v; Domain=test"),
        ("https://127.0.0.1/", "n=v; Domain=0.0.1"),
        ("https://example.com/", "n=v; Domain=ex\xe4mple.com"),
        ("http://example.com/", "n=v; Secure"),
        ("https://example.com/", "n=v; SameSite=None"),
        ("https://example.com/", "__Secure-n=v"),
        ("https://example.com/", "__SECURE-n=v"),
        ("https://example.com/", "__Host-n=v; Secure"),
        ("https://example.com/", "__Host-n=v; Path=/"),
        ("https://example.com/", "__Http-n=v; Secure"),
        ("https://example.com/", "__Http-n=v; HttpOnly"),
        ("https://example.com/", "__Host-Http-n=v; Secure; Path=/"),
        ("https://example.com/", "__host-http-n=v; Secure; HttpOnly"),
        ("https://example.com/", "=__Http-n=v; Secure; HttpOnly"),
        ("https://example.com/", "__Host-n=v; Secure; Path=/a"),
        ("https://example.com/", "__host-n=v; Secure; Path=/; Domain=example.com"),
        ("https://example.com/", "__Host-n"),
        ("https://example.com/", "=__Secure-n=v"),
    ],
)
def test_what_a_host_may_not_set(jar, url, header):
    store(jar, url, header)
    assert len(jar) == 0


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://github.io/", "n=v; Domain=github.io"),  # a suffix may have cookies for itself
        ("http://localhost/", "n=v; Domain=localhost"),
        ("http://127.0.0.1/", "n=v; Domain=127.0.0.1"),
        ("https://example.com/", "__Host-n=v; Secure; Path=/"),
        ("https://example.com/", "__Http-n=v; Secure; HttpOnly"),
        ("https://example.com/", "__Host-Http-n=v; Secure; HttpOnly; Path=/"),
        ("https://example.com/", "__Secure-n=v; Secure; Domain=example.com"),
        ("https://example.com/", "n=v; SameSite=None; Secure"),
        ("https://example.com/", "n=v; Domain=.example.com"),
        ("https://example.com/", "n=v; Domain="),
    ],
)
def test_what_a_host_may_set(jar, url, header):
    store(jar, url, header)
    assert sent(jar, url) == header.partition(";")[0]


def test_a_suffix_keeps_its_cookie_to_itself(jar):
    store(jar, "https://github.io/", "n=v; Domain=github.io")
    assert sent(jar, "https://me.github.io/") == ""


def test_secure_cookies_go_by_https_alone(jar):
    store(jar, "https://example.com/", "n=v; Secure")
    assert sent(jar, "http://example.com/") == ""
    assert sent(jar, "https://example.com/") == "n=v"


def test_plain_http_can_not_hide_a_secure_cookie(jar):
    store(jar, "https://example.com/", "n=real; Secure; Domain=example.com; Path=/")
    store(jar, "http://example.com/", "n=false; Path=/")
    store(jar, "http://a.example.com/", "n=false; Path=/x")
    assert sent(jar, "https://a.example.com/x") == "n=real"
    store(jar, "http://example.com/", "other=fine; Path=/")
    assert sent(jar, "https://example.com/") == "n=real; other=fine"


def test_longer_paths_first_then_older_ones(jar):
    store(jar, "https://example.com/a/b", "1=x; Path=/", "2=x; Path=/a/b", "3=x; Path=/", "4=x; Path=/a")
    assert sent(jar, "https://example.com/a/b") == "2=x; 4=x; 1=x; 3=x"
    store(jar, "https://example.com/a/b", "1=new; Path=/")  # keeps its age
    assert sent(jar, "https://example.com/a/b") == "2=x; 4=x; 1=new; 3=x"


def test_cookies_without_a_name_are_their_value(jar):
    store(jar, "https://example.com/", "lonely", "a=b")
    assert sent(jar, "https://example.com/") == "lonely; a=b"


def test_time(jar, clock):
    store(jar, "https://example.com/", "short=1; Max-Age=10", "long=1; Max-Age=20", "session=1")
    assert sent(jar, "https://example.com/") == "short=1; long=1; session=1"
    clock.now += 10
    assert sent(jar, "https://example.com/") == "long=1; session=1"
    store(jar, "https://example.com/", "long=1; Max-Age=0")
    assert sent(jar, "https://example.com/") == "session=1"
    clock.now += 1_000 * 86_400
    assert sent(jar, "https://example.com/") == "session=1"


def test_nothing_lives_longer_than_400_days(jar, clock):
    store(jar, "https://example.com/", "n=v; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
    clock.now += 399 * 86_400
    assert sent(jar, "https://example.com/") == "n=v"
    clock.now += 2 * 86_400
    assert sent(jar, "https://example.com/") == ""


def test_same_site(jar):
    headers = ("strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "default=1", "none=1; SameSite=None; Secure")
    store(jar, "https://example.com/", *headers)
    url = "https://example.com/"
    assert sent(jar, url) == "strict=1; lax=1; default=1; none=1"
    assert sent(jar, url, cross_site=True) == "lax=1; default=1; none=1"
    assert sent(jar, url, cross_site=True, safe_method=False) == "none=1"
    assert sent(jar, url, safe_method=False) == "strict=1; lax=1; default=1; none=1"


def test_a_flood_of_one_site_leaves_the_others_alone(jar):
    store(jar, "https://other.test/", "mine=1")
    for number in range(10):
        store(jar, f"https://{number}.example.com/", *[f"{number}-{n}=x; Domain=example.com" for n in range(100)])
    assert len(jar) == MAX_PER_SITE + 1
    assert sent(jar, "https://other.test/") == "mine=1"
    assert sent(jar, "https://example.com/").startswith("8-20=x; 8-21=x; ")


def test_of_one_response_only_the_last_ones_are_looked_at(jar):
    store(jar, "https://example.com/", "first=1", *[f"{n}=x" for n in range(MAX_PER_SITE)])
    assert "first" not in sent(jar, "https://example.com/")
    assert len(jar) == MAX_PER_SITE


def test_secure_and_used_cookies_stay_longest(jar, clock):
    store(jar, "https://example.com/", "secure=1; Secure; Path=/s")
    store(jar, "https://example.com/", "expiring=1; Max-Age=5; Path=/s", "used=1; Path=/used", "unused=1; Path=/s")
    store(jar, "https://example.com/", *[f"{n}=x; Path=/s" for n in range(MAX_PER_SITE - 4)])
    sent(jar, "https://example.com/used")
    assert len(jar) == MAX_PER_SITE
    clock.now += 5
    store(jar, "https://example.com/", "new1=x; Path=/s")
    assert "unused=1" in sent(jar, "https://example.com/s")  # the expired one made room

    jar.clear()
    store(jar, "https://example.com/", "secure=1; Secure; Path=/s", "used=1; Path=/used", "unused=1; Path=/unused")
    store(jar, "https://example.com/", *[f"{n}=x; Path=/s" for n in range(MAX_PER_SITE - 3)])
    sent(jar, "https://example.com/used")
    store(jar, "https://example.com/", "new=x; Path=/s")
    assert sent(jar, "https://example.com/unused") == ""
    assert sent(jar, "https://example.com/used") == "used=1"
    assert sent(jar, "https://example.com/s").startswith("secure=1; 0=x")


def test_a_limit_in_all(jar):
    sites = MAX_IN_ALL // 100 + 2
    for site in range(sites):
        store(jar, f"https://site{site}.test/", *[f"{n}=x" for n in range(100)])
    assert len(jar) == MAX_IN_ALL
    assert sent(jar, "https://site0.test/") == ""
    assert sent(jar, "https://site1.test/") == ""
    assert sent(jar, f"https://site{sites - 1}.test/").count("=") == 100


def test_clear(jar):
    store(jar, "https://example.com/", "n=v")
    jar.clear()
    assert (len(jar), sent(jar, "https://example.com/"), jar.export()) == (0, "", [])
