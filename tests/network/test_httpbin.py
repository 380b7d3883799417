"""All of httpbin, over TLS and through a local mixnet, behaves as it does directly: the table in docs/httpbin.md."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest
from support.httpbin_cases import CASES, FIRST_CASES, HEADERS, Case, Outcome
from support.httpbin_site import httpbin_site
from support.httpbin_table import check_column, summarize
from support.processes import BIN
from support.quiet_tunnel import quiet_options
from support.tls_server import authority, pem_of

from mix_fetch import MixTransport
from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions

AT_ONCE = 8
PROCESSES_AT_ONCE = 3

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def world():
    """A local network and httpbin."""
    async with httpbin_site() as origin, LocalNetwork(NetworkOptions(allow_local=True)) as network:
        yield network, origin


def test_every_endpoint_has_a_case():
    from httpbin import app

    rules = {str(rule).replace("int:", "").replace("path:", "") for rule in app.url_map.iter_rules()}
    ours = {case.rule.replace("&lt;", "<").replace("&gt;", ">") for case in CASES}
    names = {"/anything/<path>": "/anything/<anything>"}
    assert {names.get(rule, rule) for rule in ours} == rules


def directly() -> httpx.AsyncHTTPTransport:
    context = ssl.create_default_context(cadata=pem_of(authority()))
    return httpx.AsyncHTTPTransport(verify=context)


async def by_httpx(transport: httpx.AsyncBaseTransport, origin: str, case: Case) -> Outcome:
    async with httpx.AsyncClient(transport=_Shared(transport), follow_redirects=True, timeout=60) as client:
        response = await client.request(case.method, origin + case.path, headers=case.all_headers, content=case.body)
        return Outcome.of(
            case, response.status_code, str(response.url), response.headers.multi_items(), response.content
        )


class _Shared(httpx.AsyncBaseTransport):
    """One transport for many clients, each with cookies of its own."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.handle_async_request = transport.handle_async_request


async def differences(origin: str, ask, at_once: int, cases: tuple[Case, ...] = CASES) -> dict[Case, str]:
    room, generator = asyncio.Semaphore(at_once), asyncio.Lock()

    async def compare(case: Case, direct: httpx.AsyncBaseTransport) -> str:
        async with generator if case.draws else room:
            expected, got = await by_httpx(direct, origin, case), await ask(case)
            return got.difference(expected)

    async with directly() as direct:
        found = await asyncio.gather(*(compare(case, direct) for case in cases))
    return dict(zip(cases, found, strict=True))


async def test_the_transport(world):
    network, origin = world
    async with MixTransport(options=quiet_options(network)) as transport:
        found = await differences(origin, lambda case: by_httpx(transport, origin, case), AT_ONCE)
    check_column("MixTransport", summarize(found))


async def test_digest_authentication_by_httpx(world):
    network, origin = world
    async with httpx.AsyncClient(transport=MixTransport(options=quiet_options(network)), timeout=60) as client:
        for path in ("auth/user/pass", "auth/user/pass/SHA-256", "auth/user/pass/MD5/never"):
            response = await client.get(f"{origin}/digest-auth/{path}", auth=httpx.DigestAuth("user", "pass"))
            assert (response.status_code, response.json()) == (200, {"authenticated": True, "user": "user"})


async def test_the_command(world, tmp_path):
    network, origin = world
    ca = tmp_path / "ca.pem"
    ca.write_text(pem_of(authority()))

    async def by_command(case: Case) -> Outcome:
        command = [BIN / "mix", "fetch", "--directory", network.directory_url, "--no-cover", "--cacert", ca, "-i"]
        command += [word for name, value in case.all_headers.items() for word in ("-H", f"{name}: {value}")]
        command += ["-c", tmp_path / f"{id(case)}.jar"] if case.cookies else []
        command += ["-I"] if case.method == "HEAD" else ["-X", case.method]
        command += ["-d", "@-"] if case.body is not None else []
        process = await asyncio.create_subprocess_exec(*command, origin + case.path, stdin=-1, stdout=-1, stderr=-1)
        out, errors = await process.communicate(case.body)
        assert process.returncode == 0, (case, errors.decode())
        head, _, body = out.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = [(pair[0], pair[1]) for pair in pairs]
        return Outcome.of(case, int(status.split(" ")[1]), "", headers, body)

    found = await differences(origin, by_command, PROCESSES_AT_ONCE, FIRST_CASES)
    check_column("mix fetch", summarize(found))


def test_the_headers_of_every_request_are_stated():
    """So that what httpbin tells back does not depend on defaults, which the table is not about."""
    assert {"user-agent", "accept", "accept-encoding", "accept-language"} == {name.lower() for name in HEADERS}
