"""What goes wrong at the other end has its own code and class on the page, and the tunnel stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.ports import refusing_port
from support.servers import serve_http
from support.tls_server import authority, certificate, pem_of, server_context

PAGES = {"/": ("text/plain", b"hello")}
CERTIFICATES = {
    "good": lambda: certificate("demo.test"),
    "expired": lambda: certificate("demo.test", validity="over"),
    "not_yet_valid": lambda: certificate("demo.test", validity="to come"),
    "stranger": lambda: certificate("demo.test", ca="strangers"),
    "wrong_host": lambda: certificate("other.test"),
}


@pytest.fixture(scope="module")
def trusting(api: Any) -> Any:
    """The page's tunnel, which now trusts the tests' own authority too."""
    api(
        """
        await disconnectMixTunnel();
        await setupMixTunnel({ ...options, caCertificates: [...options.caCertificates, values.authority] });
        """,
        authority=pem_of(authority()),
    )
    return api


@pytest.fixture(scope="module", params=CERTIFICATES)
def site(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with serve_http(PAGES, server_context(CERTIFICATES[request.param]())) as server:
        yield request.param, server.port


def test_certificates(trusting: Any, site: tuple[str, int]):
    kind, port = site
    url = f"https://demo.test:{port}/"
    if kind == "good":
        assert trusting("return (await mixFetch(values.url)).text()", url=url) == "hello"
        return
    outcome = trusting("return caught(mixFetch(values.url))", url=url)
    codes = {
        "expired": "tls.certificate_expired",
        "not_yet_valid": "tls.certificate_not_yet_valid",
        "stranger": "tls.unknown_issuer",
        "wrong_host": "tls.wrong_host",
    }
    assert (outcome["code"], outcome["isTypeError"], outcome["isMixError"]) == (codes[kind], True, True)
    assert trusting("return (await mixFetch(site + '/json')).status") == 200


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://missing.invalid/", "dns.name_not_found"),
        ("http://demo.test:{port}/", "tcp.connection_refused"),
        ("http://192.168.1.1/", "tunnel.exit_policy_denied"),
    ],
)
def test_unreachable_destinations(trusting: Any, url: str, code: str):
    with refusing_port() as port:
        outcome = trusting("return caught(mixFetch(values.url))", url=url.format(port=port))
    assert (outcome["code"], outcome["isTypeError"], outcome["isMixError"]) == (code, True, True)
    assert trusting("return (await getTunnelState()).state") == "ready"


def test_a_body_that_is_cut(trusting: Any):
    outcome = trusting("""
      const answer = await mixFetch(site + "/cut");
      return { status: answer.status, failure: await caught(answer.arrayBuffer()) };
    """)
    assert outcome["status"] == 200
    assert outcome["failure"]["code"] == "http.body_cut"
    assert trusting("return (await mixFetch(site + '/json')).status") == 200
