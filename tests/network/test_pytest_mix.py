"""The plugin for tests, in suites of its own processes."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from mix_fetch import mix_fetch


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def site():
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://app.test:{server.server_port}/"
        server.shutdown()


async def hello(site):
    return await (await mix_fetch(site)).text()
"""


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(SUITE + tests)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=200)


def test_fixtures_serve_asyncio_and_plain_tests(pytester: pytest.Pytester):
    result = run(
        pytester,
        """
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.asyncio
async def test_with_a_tunnel(mix_tunnel, mixnet, site):
    assert await hello(site) == "hello"
    assert str(mix_tunnel.state.phase) == "ready"
    assert mixnet.node("mix-1-1")["received"] + mixnet.node("mix-1-2")["received"] > 0


@pytest.mark.asyncio
async def test_with_another_tunnel(mix_tunnel, site):
    assert await hello(site) == "hello"


def test_without_asyncio(mixnet):
    assert mixnet.description()["directory"]["http"] == mixnet.directory_url
    assert httpx.get(mixnet.directory_url + "/v1/epoch/current").status_code == 200
    assert httpx.get(mixnet.status_url).status_code == 200
    rotation = mixnet.rotate_keys()
    assert mixnet.metrics()["epoch"]["rotation"] == rotation
    assert mixnet.add_mix(2) == "mix-2-3"


def test_without_a_network():
    pass
""",
        "--mix-mixes=3x2",
    )
    result.assert_outcomes(passed=4)


def test_markers_set_links_and_faults_and_afterwards_all_is_well(pytester: pytest.Pytester):
    result = run(
        pytester,
        """
@pytest.mark.mix_link("delay=5ms")
@pytest.mark.mix_fault("kill", "mix-1")
@pytest.mark.mix_fault("stop", "mix-2")
@pytest.mark.mix_fault("slow", "exit", link="delay=1s")
def test_faults(mixnet):
    assert mixnet.metrics()["link"] == "delay=5ms"
    assert mixnet.states == {
        "mix-1": "killed", "mix-2": "stopped", "mix-3": "running", "entry": "running", "exit": "slow"}


def test_all_is_well(mixnet):
    assert mixnet.metrics()["link"] == "none"
    assert set(mixnet.states.values()) == {"running"}


@pytest.mark.asyncio
@pytest.mark.mix_fault("stop", "mix-2")
async def test_the_tunnel_is_there_when_a_fault_begins(mix_tunnel, mixnet, site):
    fetching = asyncio.create_task(hello(site))
    await asyncio.wait([fetching], timeout=0.5)
    assert not fetching.done()
    mixnet.resume("mix-2")
    assert await fetching == "hello"


@pytest.mark.asyncio
@pytest.mark.mix_fault("kill", "entry", after_s=0.01)
@pytest.mark.mix_tunnel(reconnect_timeout_ms=0)
async def test_a_fault_in_the_middle(mix_tunnel, mixnet, site):
    async with asyncio.timeout(60):
        while mixnet.states["entry"] == "running":
            await asyncio.sleep(0.01)
        with pytest.raises(Exception):
            while True:
                await hello(site)


@pytest.mark.mix_fault("kill", "entry", after_s=1000)
def test_a_fault_that_does_not_come(mixnet):
    assert mixnet.states["entry"] == "running"
""",
    )
    result.assert_outcomes(passed=5)


def test_mistakes_are_told_where_they_are_made(pytester: pytest.Pytester):
    result = run(
        pytester,
        """
@pytest.mark.mix_fault("explode", "mix-1")
def test_no_such_fault(mixnet):
    pass


@pytest.mark.mix_link()
def test_no_link(mixnet):
    pass


@pytest.mark.mix_fault("kill", "mix-9")
def test_no_such_node(mixnet):
    pass


@pytest.mark.mix_fault("kill", "mix-9", after_s=0.0)
@pytest.mark.mix_fault("kill", "mix-1", after_s=0.0)
def test_the_others_are_still_healed(mixnet):
    pass


def test_nothing_is_broken(mixnet):
    assert set(mixnet.states.values()) == {"running"}
""",
        "--strict-markers",
    )
    result.assert_outcomes(passed=1, errors=2, failed=2)
    result.stdout.fnmatch_lines(["*there is no fault 'explode'; it is mix_fault(verb, node*"])
    result.stdout.fnmatch_lines(["*@pytest.mark.mix_link: *it is mix_link(link)*"])
    result.stdout.fnmatch_lines(["*UnknownNode*no node of that name*"])


def test_a_network_that_can_not_be_says_why(pytester: pytest.Pytester):
    result = run(pytester, "def test_it(mixnet):\n    pass\n", "--mix-link=latency=80ms")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no 'latency' of a link*"])
