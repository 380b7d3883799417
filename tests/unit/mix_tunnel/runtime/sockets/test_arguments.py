"""Hosts, ports and ALPN lists: what is taken, in what form, and what is refused."""

from __future__ import annotations

import pytest
from support.error_classes import check_error_classes

from mix_tunnel.runtime.sockets import arguments
from mix_tunnel.runtime.sockets.arguments import (
    InvalidArgument,
    check_alpn,
    check_host,
    check_limit,
    check_port,
    check_ssl,
)


def test_the_error():
    check_error_classes(arguments, "socket")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("Example.COM.", "example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("münchen.test", "xn--mnchen-3ya.test"),
        ("_service.example.com", "_service.example.com"),
    ],
)
def test_hosts(given, asked):
    assert check_host(given) == asked


@pytest.mark.parametrize("host", ["", " ", "a b", "a..b", "x" * 64, "1.2.3", "a/b", None, 7, b"a.test", "\0"])
def test_what_is_no_host(host):
    with pytest.raises(InvalidArgument, match="host must be a host name or an IP address") as caught:
        check_host(host)
    assert caught.value.fields == {"argument": "host", "allowed": "a host name or an IP address"}


@pytest.mark.parametrize("port", [0, -1, 65_536, 80.0, "80", True, None])
def test_what_is_no_port(port):
    with pytest.raises(InvalidArgument, match="from 1 to 65535"):
        check_port(port)


def test_ports():
    assert (check_port(1), check_port(65_535)) == (1, 65_535)


@pytest.mark.parametrize("alpn", ["h2", b"h2", ["é"], [""], ["x" * 256], [7], ["x"] * 17, None, {"h2"}])
def test_what_is_no_list_of_protocols(alpn):
    with pytest.raises(InvalidArgument, match="alpn must be a list"):
        check_alpn(alpn)


def test_lists_of_protocols():
    assert check_alpn([]) == ()
    assert check_alpn(["h2", "http/1.1"]) == ("h2", "http/1.1")


@pytest.mark.parametrize("wrong", [None, 0, 1, "yes", object()])
def test_encryption_is_wanted_or_not(wrong: object):
    assert check_ssl(True)
    assert not check_ssl(False)
    with pytest.raises(InvalidArgument, match="ssl must be True or False"):
        check_ssl(wrong)


@pytest.mark.parametrize("wrong", [None, 0, -1, True, 1.5, "65536", 1 << 31])
def test_a_reader_holds_some_bytes(wrong: object):
    assert check_limit(1) == 1
    with pytest.raises(InvalidArgument, match="limit must be a whole number from 1"):
        check_limit(wrong)
