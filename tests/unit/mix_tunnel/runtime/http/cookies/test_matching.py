"""Hosts, paths and sites."""

from __future__ import annotations

import pytest

from mix_tunnel.runtime.http.cookies.matching import (
    default_path,
    domain_matches,
    is_public_suffix,
    path_matches,
    registrable_domain,
)


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("a.test", "a.test", True),
        ("b.a.test", "a.test", True),
        ("ba.test", "a.test", False),
        ("a.test", "b.a.test", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.1", False),
        ("::1", "1", False),
    ],
)
def test_domains(host, domain, matches):
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/", "/a", False),
    ],
)
def test_paths(path, cookie_path, matches):
    assert path_matches(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("target", "path"), [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b?c/d", "/a"), ("/?a/b", "/")]
)
def test_default_paths(target, path):
    assert default_path(target) == path


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example.com", "example.com"),
        ("www.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("x.me.github.io", "me.github.io"),
        ("a.xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_registrable_domains(host, domain):
    assert registrable_domain(host) == domain


def test_public_suffixes():
    assert [is_public_suffix(name) for name in ("com", "co.uk", "github.io", "xn--p1ai", "unheard-of")] == [True] * 5
    assert not any(is_public_suffix(name) for name in ("example.com", "city.kawasaki.jp", "a.test"))
