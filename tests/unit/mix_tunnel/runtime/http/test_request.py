"""Requests: what goes onto the wire, and what is refused before."""

from __future__ import annotations

import math

import pytest

from mix_tunnel.runtime.http.errors import (
    BadBody,
    BadHeader,
    BadMethod,
    BadUrl,
    ForbiddenHeader,
    InvalidFetchOption,
)
from mix_tunnel.runtime.http.request import USER_AGENT, HttpRequest, HttpTimeouts, prepare


async def pieces():
    yield b"a"


def wire(method="GET", headers=(), body=None, url="http://a.test/"):
    return prepare(HttpRequest(method, url, headers, body)).wire_headers()


def test_headers_look_like_a_browsers():
    assert wire(url="http://a.test:8080/") == [
        ("Host", "a.test:8080"),
        ("Connection", "keep-alive"),
        ("User-Agent", USER_AGENT),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", "en-US,en;q=0.9"),
    ]
    assert "Chrome/131" in USER_AGENT
    assert "mix" not in USER_AGENT.lower()


def test_the_caller_wins():
    headers = wire(
        headers=[("user-agent", "me"), ("Accept", "text/html"), ("Host", "b.test"), ("X-A", "1"), ("x-a", "2")]
    )
    assert headers[0] == ("Host", "b.test")
    assert [value for name, value in headers if name.lower() == "user-agent"] == ["me"]
    assert [value for name, value in headers if name.lower() == "accept"] == ["text/html"]
    assert [value for name, value in headers if name.lower() == "x-a"] == ["1", "2"]
    assert len([name for name, _ in headers if name.lower() == "host"]) == 1


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("GET", None, []),
        ("POST", None, [("Content-Length", "0")]),
        ("PUT", b"", [("Content-Length", "0")]),
        ("POST", b"abc", [("Content-Length", "3")]),
        ("POST", bytearray(b"abc"), [("Content-Length", "3")]),
        ("POST", memoryview(b"abc"), [("Content-Length", "3")]),
        ("DELETE", None, []),
    ],
)
def test_framing(method, body, framing):
    headers = wire(method, body=body)
    assert [header for header in headers if header[0] in ("Content-Length", "Transfer-Encoding")] == framing


def test_a_streamed_body_is_chunked_unless_its_length_is_given():
    assert ("Transfer-Encoding", "chunked") in wire("POST", body=pieces())
    headers = wire("POST", headers=[("content-length", "1")], body=pieces())
    assert ("content-length", "1") in headers
    assert "Transfer-Encoding" not in dict(headers)


@pytest.mark.parametrize(
    ("given", "sent"), [("get", "GET"), ("Post", "POST"), ("patch", "PATCH"), ("query", "query"), ("PURGE", "PURGE")]
)
def test_usual_methods_are_written_in_capitals(given, sent):
    assert prepare(HttpRequest(given, "http://a.test/")).method == sent


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "CONNECT", "trace", "ö"])
def test_methods_that_can_not_be_sent(method):
    with pytest.raises(BadMethod):
        prepare(HttpRequest(method, "http://a.test/"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nInjected: yes"),
        ("X-A", "a\nb"),
        ("X-A", "a\x00b"),
        ("X-A", "snow ☃"),
        ("X A", "b"),
        ("", "b"),
        ("X-A:", "b"),
        ("Ünder", "b"),
    ],
)
def test_header_characters_that_http_forbids(name, value):
    with pytest.raises(BadHeader):
        wire(headers=[(name, value)])


@pytest.mark.parametrize(
    "name", ["Connection", "transfer-encoding", "Upgrade", "TE", "Trailer", "Expect", "keep-alive"]
)
def test_headers_of_the_connection_are_ours(name):
    with pytest.raises(ForbiddenHeader):
        wire(headers=[(name, "x")])


def test_the_host_is_given_once():
    with pytest.raises(ForbiddenHeader):
        wire(headers=[("Host", "a.test"), ("host", "b.test")])


def test_values_lose_their_outer_spaces_and_may_be_empty():
    headers = dict(wire(headers=[("X-A", "  b c\t"), ("X-B", ""), ("X-C", "é")]))
    assert (headers["X-A"], headers["X-B"], headers["X-C"]) == ("b c", "", "é")


@pytest.mark.parametrize("length", ["2", "4", "+3", "3, 3"])
def test_a_content_length_must_be_true(length):
    with pytest.raises((BadBody, BadHeader)):
        wire("POST", headers=[("Content-Length", length)], body=b"abc")


def test_bodies_of_other_types_are_refused():
    with pytest.raises(BadBody):
        prepare(HttpRequest("POST", "http://a.test/", (), "text"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("redirect", "sometimes", '"follow", "manual" or "error"'),
        ("redirect", None, '"follow", "manual" or "error"'),
        ("credentials", "all", '"omit", "same-origin" or "include"'),
        ("max_redirects", -1, "a whole number from 0 to 100"),
        ("max_redirects", 101, "a whole number from 0 to 100"),
        ("max_redirects", True, "a whole number from 0 to 100"),
        ("max_redirects", 1.5, "a whole number from 0 to 100"),
        ("integrity", None, "a text such as sha256-…"),
        ("decode", 1, "true or false"),
        ("default_headers", None, "true or false"),
        ("timeouts", 3, "HttpTimeouts"),
    ],
)
def test_options_are_checked(option, value, allowed):
    with pytest.raises(InvalidFetchOption) as caught:
        prepare(HttpRequest("GET", "http://a.test/", **{option: value}))
    assert caught.value.fields == {"option": option, "allowed": allowed}
    assert str(caught.value) == f"{option} must be {allowed}"


@pytest.mark.parametrize("name", ["connect_s", "response_s", "idle_s", "write_s", "pool_s", "total_s"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "3"])
def test_limits_are_numbers_above_zero(name, value):
    with pytest.raises(InvalidFetchOption) as caught:
        HttpTimeouts(**{name: value})
    assert caught.value.fields["option"] == name


def test_limits_may_be_absent():
    assert HttpTimeouts(None, None, None).total_s is None
    assert HttpTimeouts(total_s=3).total_s == 3


@pytest.mark.parametrize(
    ("headers", "decode", "expected"),
    [
        ([], True, ["gzip, deflate, br, zstd"]),
        ([("accept-encoding", "br")], True, ["br"]),
        ([("Accept-Encoding", "")], True, [""]),
        ([("Range", "bytes=0-9")], True, ["identity"]),
        ([], False, ["identity"]),
        ([("ACCEPT-ENCODING", "gzip")], False, ["gzip"]),
    ],
)
def test_accept_encoding_names_what_is_decoded(headers, decode, expected):
    sent = prepare(HttpRequest("GET", "http://a.test/", headers, decode=decode)).wire_headers()
    assert [value for name, value in sent if name.lower() == "accept-encoding"] == expected


def test_only_what_is_needed_without_the_default_headers():
    request = HttpRequest("POST", "http://a.test/", [("X-A", "b")], b"abc", default_headers=False)
    assert prepare(request).wire_headers() == [("Host", "a.test"), ("Content-Length", "3"), ("X-A", "b")]


def test_the_url_is_checked():
    with pytest.raises(BadUrl):
        prepare(HttpRequest("GET", "nowhere"))


@pytest.mark.parametrize(
    ("method", "body", "retryable"),
    [("GET", None, True), ("PUT", b"x", True), ("DELETE", None, True), ("POST", b"x", False), ("PATCH", None, False)],
)
def test_what_may_be_sent_twice(method, body, retryable):
    assert prepare(HttpRequest(method, "http://a.test/", (), body)).retryable is retryable


def test_a_streamed_body_can_be_sent_once_only():
    assert not prepare(HttpRequest("PUT", "http://a.test/", (), pieces())).retryable
