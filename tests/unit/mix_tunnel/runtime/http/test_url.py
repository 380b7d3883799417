"""URLs: what is taken, in which form, and what is refused."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.errors import BadUrl, UnsupportedScheme, UrlHasCredentials
from mix_tunnel.runtime.http.url import HttpUrl


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTPS://Example.ORG:443/a", "https://example.org/a"),
        ("http://example.org:80", "http://example.org/"),
        ("http://example.org:8080/?q=1#top", "http://example.org:8080/?q=1#top"),
        ("https://example.org?q=1", "https://example.org/?q=1"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("http://[2001:DB8::0:1]/", "http://[2001:db8::1]/"),
        ("http://example.org./", "http://example.org/"),
        ("http://faß.example/", "http://xn--fa-hia.example/"),
        ("http://example.org/ä b?ö=ü#ß", "http://example.org/%C3%A4%20b?%C3%B6=%C3%BC#%C3%9F"),
        ("http://example.org/%41%2f", "http://example.org/%41%2f"),
        ("http://example.org/a/./b/../c", "http://example.org/a/c"),
        ("http://example.org/../../x", "http://example.org/x"),
        ("http://example.org/a/%2E%2e", "http://example.org/"),
        ("http://example.org/a/..", "http://example.org/"),
        ("http://example.org/a/.", "http://example.org/a/"),
        ("  http://example.org/  ", "http://example.org/"),
        ("http://localhost/", "http://localhost/"),
        ("http://under_score.example/", "http://under_score.example/"),
        ('http://example.org/"<>', "http://example.org/%22%3C%3E"),
    ],
)
def test_normal_form(text, normal):
    url = HttpUrl.parse(text)
    assert str(url) == normal
    assert HttpUrl.parse(normal) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "/path",
        "//example.org/",
        "http:",
        "http://",
        "http:///path",
        "http:example.org",
        "http://:80/",
        "http://example.org:/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:+80/",
        "http://example.org:abc/",
        "http://exa mple.org/",
        "http://example..org/",
        "http://-example.org/",
        "http://" + "a" * 64 + ".org/",
        "http://256.0.0.1/",
        "http://1.2.3/",
        "http://[::1",
        "http://::1/",
        "http://[::1%25eth0]/",
        "http://[v1.x]/",
        "http://exam%70le.org/",
        "http://exa\nmple.org/",
        "http://example.org/a\tb",
        "http://example.org/\x00",
        "http://example.org\\@evil.example/",
        "http://" + "a" * 70_000,
    ],
)
def test_what_can_not_be_right_is_refused(text):
    with pytest.raises(BadUrl):
        HttpUrl.parse(text)


@pytest.mark.parametrize("text", ["ftp://example.org/", "ws://example.org/", "file://host/x"])
def test_other_schemes(text):
    with pytest.raises(UnsupportedScheme):
        HttpUrl.parse(text)


@pytest.mark.parametrize("text", ["http://user@example.org/", "http://user:pass@example.org/", "http://@example.org/"])
def test_credentials_in_the_url(text):
    with pytest.raises(UrlHasCredentials) as caught:
        HttpUrl.parse(text)
    assert "pass" not in str(caught.value).replace("password", "")


def test_parts():
    url = HttpUrl.parse("https://Example.org:8443/a?b#c")
    assert (url.origin, url.authority, url.target) == (("https", "example.org", 8443), "example.org:8443", "/a?b")
    assert url.without_fragment == "https://example.org:8443/a?b"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x", "http://a.test/x"),
        ("x", "http://a.test/d/x"),
        ("?q", "http://a.test/d/e?q"),
        ("//b.test/", "http://b.test/"),
        ("https://b.test/y", "https://b.test/y"),
        ("../x y", "http://a.test/x%20y"),
    ],
)
def test_joining(location, target):
    assert HttpUrl.parse("http://a.test/d/e").join(location).without_fragment == target


def test_a_fragment_is_kept_unless_the_location_names_one():
    url = HttpUrl.parse("http://a.test/#old")
    assert url.join("/x").fragment == "old"
    assert url.join("/x#new").fragment == "new"


@pytest.mark.parametrize(
    "location", ["http://user@b.test/", "javascript:alert(1)", "http://[", "a\nb", "http:\\\\b.test"]
)
def test_locations_that_lead_nowhere(location):
    with pytest.raises(BadUrl):
        HttpUrl.parse("http://a.test/").join(location)
