"""URLs: what is taken, in which form, and what is refused."""

from __future__ import annotations

import pytest
from support.urls import BASE, LOCATIONS, NO_URLS, NORMAL_FORMS

from mix_tunnel.runtime.http.errors import BadUrl, UnsupportedScheme, UrlHasCredentials
from mix_tunnel.runtime.http.url import HttpUrl


@pytest.mark.parametrize(("text", "normal"), NORMAL_FORMS)
def test_normal_form(text, normal):
    url = HttpUrl.parse(text)
    assert str(url) == normal
    assert HttpUrl.parse(normal) == url


@pytest.mark.parametrize("text", NO_URLS)
def test_what_can_not_be_right_is_refused(text):
    with pytest.raises(BadUrl):
        HttpUrl.parse(text)


def test_long_texts_are_refused_before_they_are_read():
    for text in ("http://" + "@" * 65_000, "http://" + "a." * 30_000, "//" + "1" * 65_000, "http:\\" + "é" * 65_000):
        with pytest.raises(BadUrl, match="too long"):
            HttpUrl.parse("http://a.test/").join(text)
    assert HttpUrl.parse("http://a.test/" + "a" * 60_000).target == "/" + "a" * 60_000


@pytest.mark.parametrize("text", ["ftp://example.org/", "ws://example.org/", "file://host/x", "mailto:a@b.test"])
def test_other_schemes(text):
    with pytest.raises(UnsupportedScheme):
        HttpUrl.parse(text)


@pytest.mark.parametrize(
    "text", ["http://user@example.org/", "http://user:pass@example.org/", "http://:p@example.org/"]
)
def test_credentials_in_the_url(text):
    with pytest.raises(UrlHasCredentials) as caught:
        HttpUrl.parse(text)
    assert "pass" not in str(caught.value).replace("password", "")


def test_parts():
    url = HttpUrl.parse("https://Example.org:8443/a?b#c")
    assert (url.origin, url.authority, url.target) == (("https", "example.org", 8443), "example.org:8443", "/a?b")
    assert url.without_fragment == "https://example.org:8443/a?b"


@pytest.mark.parametrize(("location", "target"), LOCATIONS)
def test_joining(location, target):
    assert HttpUrl.parse(BASE).join(location).without_fragment == target


def test_a_fragment_is_kept_unless_the_location_names_one():
    url = HttpUrl.parse("http://a.test/#old")
    assert url.join("/x").fragment == "old"
    assert url.join("/x#new").fragment == "new"


@pytest.mark.parametrize("location", ["http://user@b.test/", "javascript:alert(1)", "http://[", "http://a.test:x/"])
def test_locations_that_lead_nowhere(location):
    with pytest.raises(BadUrl):
        HttpUrl.parse("http://a.test/").join(location)


def test_credentials_in_a_location_for_the_same_origin_are_left_out():
    assert str(HttpUrl.parse("http://a.test/x").join("//user:pass@a.test/y")) == "http://a.test/y"
