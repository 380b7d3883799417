"""The page's own server: its policy on everything, what it passes on, and what it says when the network is gone."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import sys
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[3] / "web"))

from example_pages import script_sources
from page_server import CONTENT_SECURITY_POLICY, EXAMPLES, Network, make_page_server


@pytest.fixture
def server(tmp_path: Path) -> httpx.AsyncClient:
    (tmp_path / "index.html").write_text("the page")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    app = make_page_server(
        tmp_path,
        directory_url=f"http://127.0.0.1:{port}/api",
        config={"tunnelOptions": {"caCertificates": []}},
        visitors=lambda: {"127.0.0.2": 3},
        direct_site=Starlette(routes=[Route("/", lambda request: PlainTextResponse("the copy"))]),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080")


@pytest.mark.parametrize("path", ["/", "/playground.json", "/visitors.json", "/site/", "/network.json", "/nothing"])
async def test_the_policy_is_on_every_answer(server: httpx.AsyncClient, path: str):
    answer = await server.get(path)
    assert answer.headers.get_list("content-security-policy") == [CONTENT_SECURITY_POLICY]
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_default_src_does_not_cover_is_forbidden_too():
    directives = dict(directive.split(" ", 1) for directive in CONTENT_SECURITY_POLICY.split("; "))
    for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert directives[name] == "'none'"
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval'"


@pytest.mark.parametrize("path", ["/", "/playground.json", "/network.json", "/api/v1/epoch/current", "/site/"])
async def test_pages_of_other_sites_and_other_names_are_refused(server: httpx.AsyncClient, path: str):
    for headers in ({"Host": "evil.example:8080"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = await server.get(path, headers=headers)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await server.get("/", headers={"Host": "localhost:8080", "Origin": "http://localhost:8080"})).text


OTHER_PATHS = """
../metrics.json %2e%2e/metrics.json v1/../../metrics.json v1/%2e%2e/%2e%2e/metrics.json @evil/ x%0d%0ay /evil.example/
http://evil.example/ ..%5cmetrics.json v1//epoch v1/epoch/ . .. %20 a%23b a%3fb
"""


@pytest.mark.parametrize("path", OTHER_PATHS.split())
async def test_nothing_but_documents_of_the_directory_is_passed_on(path: str):
    asked: list[str] = []

    async def directory(request: Request) -> PlainTextResponse:
        asked.append(request.url.path)
        return PlainTextResponse("a document")

    network = Network(
        "http://127.0.0.1:1/api", httpx.ASGITransport(Starlette(routes=[Route("/{path:path}", directory)]))
    )
    app = Starlette(routes=[Route("/api/{path:path}", network.directory)])
    sent = bytearray()

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, bytes]) -> None:
        sent.extend(message.get("body", b""))

    # As uvicorn would, which leaves the path as it came; a client would make it a proper one.
    raw = f"/api/{path}".encode()
    scope = {"type": "http", "method": "GET", "path": unquote(raw.partition(b"?")[0].decode()), "raw_path": raw}
    scope |= {"query_string": b"", "headers": [], "scheme": "http", "server": ("127.0.0.1", 80), "root_path": ""}
    await app(scope, receive, send)
    assert sent != b"a document"
    assert asked == []


async def test_what_it_says(server: httpx.AsyncClient):
    assert (await server.get("/")).text == "the page"
    assert (await server.get("/site/")).text == "the copy"
    assert (await server.get("/visitors.json")).json() == {"127.0.0.2": 3}
    options = (await server.get("/playground.json")).json()["tunnelOptions"]
    assert options == {"caCertificates": [], "directoryUrl": "http://127.0.0.1:8080/api"}


@pytest.mark.parametrize("path", ["/network.json", "/api/v1/epoch/current"])
async def test_a_network_that_is_gone_is_said(server: httpx.AsyncClient, path: str):
    answer = await server.get(path)
    assert answer.status_code == 502
    assert "does not answer" in answer.json()["error"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.html")), ids=lambda path: path.name)
async def test_an_example_may_run_its_own_scripts_alone(server: httpx.AsyncClient, path: Path):
    answer = await server.get(f"/examples/{path.name}")
    (policy,) = answer.headers.get_list("content-security-policy")
    scripts = re.findall(r"<script type=\"(?:importmap|module)\">(.*?)</script>", answer.text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy


@pytest.mark.parametrize("name", ["missing.html", "..%2fplayground.py", "", "%00"])
async def test_nothing_else_is_served_as_an_example(server: httpx.AsyncClient, name: str):
    assert (await server.get(f"/examples/{name}")).status_code == 404


def test_scripts_of_their_own_files_need_no_hash():
    assert script_sources('<script src="a.js"></script><script type="module" src="b.js"></script>') == ""
    digest = base64.b64encode(hashlib.sha256(b"1").digest()).decode()
    assert script_sources("<script>1</script>") == f"'sha256-{digest}'"


async def test_links_are_switched_at_the_directory_and_its_answer_passed_on():
    asked: list[tuple[str, str, bytes]] = []

    async def directory(request: Request) -> PlainTextResponse:
        asked.append((request.method, request.url.path, await request.body()))
        return PlainTextResponse("why not", 400)

    network = Network(
        "http://127.0.0.1:1/api",
        httpx.ASGITransport(Starlette(routes=[Route("/{path:path}", directory, methods=["PUT"])])),
    )
    page = Starlette(routes=[Route("/link", network.link, methods=["PUT"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://127.0.0.1:8080") as client:
        answer = await client.put("/link", content="mobile")
    assert (answer.status_code, answer.text) == (400, "why not")
    assert asked == [("PUT", "/link", b"mobile")]
