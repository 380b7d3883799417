"""The programs in the guides to fetch and DNS run as they stand there, through a local mixnet."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator

import pytest
from support.chromium import chromium, new_context
from support.readme import ROOT, LocalPlaces
from support.static_site import serve_folder

from mix_tunnel.api import disconnect_mix_tunnel

GUIDES = ("fetch", "dns")
DIST = ROOT / "web/dist"
PAGE_MS = 240_000
IMPORT_MAP = {"imports": {f"mix-{name}": f"/mix-{name}/index.js" for name in ("tunnel", "fetch", "dns", "websocket")}}
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def programs(language: str) -> list[pytest.param]:
    found = []
    for guide in GUIDES:
        text = (ROOT / f"docs/guide/{guide}.md").read_text()
        codes = [textwrap.dedent(code) for _, name, code in _BLOCK.findall(text) if name == language]
        found += [pytest.param(code, id=f"{guide}-{number}") for number, code in enumerate(codes)]
    return found


@pytest.mark.parametrize("code", programs("python"))
async def test_python(code: str, places: LocalPlaces):
    adapted = places.adapt_python(code)
    compiled = compile(adapted, "guide", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, object] = {}
    try:
        running = eval(compiled, names)
        assert inspect.iscoroutine(running), "a program of a guide waits for something"
        await running
    finally:
        await disconnect_mix_tunnel()
    assert "setup_mix_tunnel" in names


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The packages as `make setup` has assembled them, on an origin of their own."""
    with serve_folder(DIST) as url:
        yield url


@pytest.mark.parametrize("code", programs("js"))
def test_page(code: str, places: LocalPlaces, site: str):
    page_source = (
        f'<!doctype html><script type="importmap">{json.dumps(IMPORT_MAP)}</script>'
        '<script type="module" src="/guide.js"></script>'
    )
    script = f"{places.adapt_javascript(code)}\ndocument.title = 'done';"
    with chromium() as browser:
        page = new_context(browser).new_page()
        page.set_default_timeout(PAGE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.route("**/guide.html", lambda route: route.fulfill(body=page_source, content_type="text/html"))
        page.route("**/guide.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
        page.goto(f"{site}guide.html")
        page.wait_for_function("document.title === 'done'")
        assert errors == []
