"""What pytest loads: fixtures, markers and options of the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pytest_mix.marks import LINES, faults_of, link_of, tunnel_options_of
from pytest_mix.mixnet import Mixnet

if TYPE_CHECKING:
    from mix_network import NetworkOptions
    from mix_tunnel.tunnel import Tunnel

APP_NAME = "app.test"
_NETWORK = pytest.StashKey[Mixnet]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("mix", "a mixnet for the tests")
    group.addoption("--mix-link", metavar="LINK", default="none", help="links of the mixnet: home, mobile, mainnet …")
    group.addoption("--mix-mixes", metavar="3xN", default="3x1", help="layers times mix nodes in each, such as 3x2")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for line in LINES:
        config.addinivalue_line("markers", line)


@pytest.fixture(scope="session")
def mixnet_options(pytestconfig: pytest.Config) -> NetworkOptions:
    """Options of the session's network. Write a fixture of this name to have others.

    By default servers of this machine may be reached, by address and as `app.test`, and there are no other names.
    """
    from ipaddress import ip_address

    from mix_network import NetworkOptions

    return NetworkOptions(
        allow_local=True,
        hosts={APP_NAME: (ip_address("127.0.0.1"),)},
        dns="none",
        link=pytestconfig.getoption("--mix-link"),
        mixes=pytestconfig.getoption("--mix-mixes"),
    )


@pytest.fixture(scope="session")
def mixnet(mixnet_options: NetworkOptions) -> Iterator[Mixnet]:
    """A whole mixnet, started once for all tests."""
    network = Mixnet(mixnet_options)
    network.start()
    yield network
    network.close()


@pytest.fixture(autouse=True)
def _mix_scene(request: pytest.FixtureRequest) -> Iterator[None]:
    """The links that a test asks for; afterwards everything is as it was."""
    link, faults = link_of(request.node), faults_of(request.node)
    if link is None and not faults and "mixnet" not in request.fixturenames:
        yield
        return
    network: Mixnet = request.getfixturevalue("mixnet")
    request.node.stash[_NETWORK] = network
    if link is not None:
        network.set_link(link)
    yield
    network.heal()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let faults begin when all fixtures are ready, a tunnel among them."""
    network = item.stash.get(_NETWORK, None)
    if network is not None:
        for fault in faults_of(item):
            if fault.after_s:
                network.later(fault.after_s, fault.begin)
            else:
                network.now(fault.begin)
    return (yield)


@pytest_asyncio.fixture
async def mix_tunnel(request: pytest.FixtureRequest, mixnet: Mixnet) -> AsyncIterator[Tunnel]:
    """The shared tunnel of `mix_fetch`, `mix_dns` and `mix_websocket`, set up for one asyncio test.

    It sends nothing but what the test makes it send, unless `@pytest.mark.mix_tunnel(disable_cover_traffic=False)` or
    the like asks for something else.
    """
    from mix_tunnel import disconnect_mix_tunnel, get_mix_tunnel, setup_mix_tunnel

    options = {"disable_cover_traffic": True, "disable_poisson_traffic": True, **tunnel_options_of(request.node)}
    await setup_mix_tunnel(directory_url=mixnet.directory_url, **options)
    try:
        yield get_mix_tunnel()
    finally:
        await disconnect_mix_tunnel()
