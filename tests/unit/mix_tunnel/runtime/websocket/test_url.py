import base64

import pytest

from mix_tunnel.runtime.websocket.errors import InvalidURI
from mix_tunnel.runtime.websocket.url import WebSocketUrl


def test_normal_form():
    url = WebSocketUrl.parse("WSS://Example.ORG:443/a b?q=ü")
    assert (url.secure, url.host, url.port, url.authority) == (True, "example.org", 443, "example.org")
    assert url.target == "/a%20b?q=%C3%BC"
    assert WebSocketUrl.parse("ws://[::1]:8080").authority == "[::1]:8080"
    assert WebSocketUrl.parse("ws://a.test").port == 80
    assert WebSocketUrl.parse("ws://a.test").target == "/"


@pytest.mark.parametrize(
    ("text", "host", "target"),
    [
        ("ws:/a.test", "a.test", "/"),
        ("ws:\\\\a.test\\b?c\\d", "a.test", "/b?c\\d"),
        ("ws://a.test/\r\nX: y", "a.test", "/X:%20y"),
        ("ws://i\u2764.test:/", "xn--i-7iq.test", "/"),
        ("ws://127.1/", "127.0.0.1", "/"),
        ("ws://-a-.test/", "-a-.test", "/"),
    ],
)
def test_as_browsers_read_them(text, host, target):
    url = WebSocketUrl.parse(text)
    assert (url.host, url.port, url.target) == (host, 80, target)


def test_a_password_becomes_a_header_and_is_not_shown():
    url = WebSocketUrl.parse("ws://me:p%40ss@a.test/")
    assert url.authorization == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "Basic" not in repr(url)
    at = WebSocketUrl.parse("ws://me@you@a.test/")
    assert (at.host, at.authorization) == ("a.test", "Basic " + base64.b64encode(b"me@you:").decode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "http://a.test/",
        "ws://",
        "ws://a.test/#part",
        "ws://a.test:0/",
        "ws://a.test:70000/",
        "ws://a b.test/",
        "ws://[::1",
        None,
        7,
    ],
)
def test_what_is_no_url_is_refused_without_quoting_it(text):
    with pytest.raises(InvalidURI) as caught:
        WebSocketUrl.parse(text)
    assert "a.test" not in str(caught.value)
