"""Cookies: whatever servers send, the jar stays within its limits, and tells nobody what is not his."""

from __future__ import annotations

import json
import string

from hypothesis import example, given
from hypothesis import strategies as st

from mix_tunnel.runtime.http.cookies import CookieJar
from mix_tunnel.runtime.http.cookies.cookie import MAX_AGE_S, MAX_COOKIE_BYTES, parse_set_cookie
from mix_tunnel.runtime.http.cookies.dates import parse_cookie_date
from mix_tunnel.runtime.http.cookies.errors import InvalidCookie
from mix_tunnel.runtime.http.cookies.jar import MAX_IN_ALL, MAX_PER_SITE
from mix_tunnel.runtime.http.cookies.matching import domain_matches, path_matches, registrable_domain
from mix_tunnel.runtime.http.url import HttpUrl

NOW = 1_700_000_000.0
HOSTS = ("example.com", "a.example.com", "b.a.example.com", "other.co.uk", "me.github.io", "127.0.0.1", "localhost")
ODD_HOSTS = ("[2001:db8::1]", "a_b.example.com", "-a.example.com", "xn--bcher-kva.example", "example.com.", "1.example")
ODD_PATHS = ("/a;b/c", "/a%3Bb/", "/a=b/c", "/" + "long/" * 500, "/a,b'c/%00/d", "//", "/ü/")

latin1 = st.text(st.characters(max_codepoint=255), max_size=60)
words = st.text(string.ascii_lowercase + "-_", min_size=1, max_size=8)
attributes = st.one_of(
    st.just("Secure"),
    st.just("HttpOnly"),
    st.sampled_from(["Strict", "Lax", "None", "odd"]).map("SameSite={}".format),
    st.sampled_from([*HOSTS, "com", "co.uk", "github.io", ".example.com", ""]).map("Domain={}".format),
    st.sampled_from(["/", "/a", "/a/b", "/a/", "relative", ""]).map("Path={}".format),
    st.integers(-10, 10**12).map("Max-Age={}".format),
    st.sampled_from(["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 2094 08:49:37 GMT", "soon"]).map(
        "Expires={}".format
    ),
    latin1,
)
names = st.one_of(words, words.map("__Secure-{}".format), words.map("__Host-{}".format), st.just(""))
headers = st.one_of(
    latin1,
    st.builds(
        lambda name, value, rest: "; ".join([f"{name}={value}", *rest]), names, words, st.lists(attributes, max_size=5)
    ),
)
urls = st.builds(
    lambda scheme, host, path: HttpUrl.parse(f"{scheme}://{host}{path}"),
    st.sampled_from(["http", "https"]),
    st.sampled_from((*HOSTS, *ODD_HOSTS)),
    st.sampled_from(["/", "/a", "/a/b", "/a/b/c?d=/e", *ODD_PATHS]),
)
responses = st.lists(st.tuples(urls, st.lists(headers, max_size=6)), max_size=8)


@given(latin1)
def test_any_text_is_a_date_or_none(text):
    when = parse_cookie_date(text)
    assert when is None or isinstance(when, float)


@given(headers)
@example("a" * 70_000)
@example(";" * 70_000)
@example("a=b; Max-Age=" + "9" * 70_000)
def test_any_header_is_a_cookie_within_limits_or_none(header):
    cookie = parse_set_cookie(header, NOW)
    if cookie is not None:
        assert 0 < len(cookie.name) + len(cookie.value) <= MAX_COOKIE_BYTES
        assert cookie.expires is None or cookie.expires <= NOW + MAX_AGE_S
        assert "\r" not in cookie.value
        assert "\n" not in cookie.name


def filled(stored) -> CookieJar:
    jar = CookieJar(lambda: NOW)
    for url, lines in stored:
        jar.store(url, lines)
    return jar


@given(responses, urls)
def test_a_request_gets_what_belongs_to_it_and_nothing_else(stored, url):
    jar = filled(stored)
    kept = jar.export()
    path = url.target.partition("?")[0]
    expected = [
        each
        for each in kept
        if (url.host == each["domain"] if each["host_only"] else domain_matches(url.host, each["domain"]))
        and path_matches(path, each["path"])
        and (url.scheme == "https" or not each["secure"])
    ]
    sent = jar.header_for(url)
    pairs = [f"{each['name']}={each['value']}" if each["name"] else each["value"] for each in expected]
    assert sorted(sent.split("; ")) == sorted(pairs or [""])
    for each in expected:
        assert registrable_domain(each["domain"]) == registrable_domain(url.host)
    sent.encode("latin-1")


@given(responses)
def test_the_promises_of_prefixes_are_kept(stored):
    for each in filled(stored).export():
        name = each["name"].lower()
        if name.startswith("__secure-"):
            assert each["secure"]
        if name.startswith("__host-"):
            assert (each["secure"], each["host_only"], each["path"]) == (True, True, "/")


def at(url: str, *lines: str) -> list[tuple[HttpUrl, list[str]]]:
    return [(HttpUrl.parse(url), list(lines))]


@given(responses)
@example(at("https://evil.test/", "=a=b"))
@example(at("https://evil.test/", "=", "==", "= =b", "\t=\ta\tb", "é=ü", "=__Host-", "a=b=c; Path=/;x"))
@example(at("https://evil.test/a;b/c", "a=b"))
@example(at("https://evil.test/" + "x" * 5000 + "/y", "a=b"))
@example(at("https://a_b.evil.test/", "a=b"))
@example(at("https://[::1]/", "a=b; Domain=::1", "c=d; Domain=[::1]", "e=f"))
@example(at("https://evil.test./", "a=b; Domain=evil.test.", "c=d"))
@example(at("https://com/", "a=b; Domain=com", "c=d; Expires=Sun, 06 Nov 2094 08:49:37 GMT"))
def test_export_and_load_are_a_round_trip(stored):
    jar, again = filled(stored), CookieJar(lambda: NOW)
    exported = jar.export()
    again.load(json.loads(json.dumps(exported)))
    assert again.export() == exported
    assert len(again) == len(exported)
    for url, _ in stored:
        assert again.header_for(url) == jar.header_for(url)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
members = st.sampled_from(
    ["name", "value", "domain", "host_only", "path", "expires", "secure", "http_only", "same_site", "odd"]
)


@given(st.lists(st.dictionaries(members, json_values | st.sampled_from(["/", "example.com", "lax"]), max_size=10)))
def test_any_json_is_loaded_or_refused(cookies):
    jar = CookieJar(lambda: NOW)
    try:
        jar.load(cookies)
    except InvalidCookie:
        assert len(jar) == 0
    else:
        CookieJar(lambda: NOW).load(jar.export())


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200)), max_size=40))
def test_limits(floods):
    jar = CookieJar(lambda: NOW)
    for site, count in floods:
        jar.store(HttpUrl.parse(f"https://site{site}.test/"), [f"{site}-{number}=x" for number in range(count)])
    exported = jar.export()
    assert len(jar) == len(exported) <= MAX_IN_ALL
    for site, _ in floods:
        assert sum(each["domain"] == f"site{site}.test" for each in exported) <= MAX_PER_SITE
