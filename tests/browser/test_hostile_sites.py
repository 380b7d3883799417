"""Sites that mean harm, asked by a page: each rejects with its typed error, and other requests go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.hostile_site import CODES, HostileSite, hostile_site
from support.threaded import in_thread
from support.tls_server import authority, pem_of


@pytest.fixture(scope="module")
def hostile(api: Any) -> Iterator[HostileSite]:
    with in_thread(hostile_site()) as site:
        api(
            """
            await disconnectMixTunnel();
            await setupMixTunnel({ ...options, caCertificates: [options.caCertificates, values.ca].flat() });
            """,
            ca=pem_of(authority()),
        )
        yield site


@pytest.mark.parametrize("path", CODES)
def test_each_rejects_with_its_error_and_the_others_go_on(api: Any, hostile: HostileSite, path: str):
    bad, good = api(
        """
        const whole = async (url) => (await mixFetch(url)).text();
        return Promise.all([caught(whole(values.bad)), whole(values.good)]);
        """,
        bad=hostile.url(path),
        good=hostile.url("/fine"),
    )
    assert (bad["code"], bad["isTypeError"], good) == (CODES[path], True, "fine")
    assert "127.0.0.1" not in bad["message"]
