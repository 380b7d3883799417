"""Odd servers, asked by a page through the mixnet and by Chromium's own `fetch` directly: both read the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from support.chromium import new_context
from support.http_server import HttpServer, serve_conversations
from support.odd_answers import CHROMIUM, ODD_ANSWERS, converse, path_of
from support.threaded import in_thread
from support.urls import BASE, LOCATIONS, NO_URLS, NORMAL_FORMS

READ_ALL = """Promise.all(values.urls.map(async (url) => {
  try {
    return await (await get(url, { cache: "no-store", signal: AbortSignal.timeout(50_000) })).text();
  } catch (error) {
    return { code: error.code ?? error.name };
  }
}))"""
# Those that fit into a header and stay on the server that redirects; from "?q" and "#f" it would do so again.
RELATIVE = [
    (text, target)
    for text, target in LOCATIONS
    if target.startswith("http://a.test/") and "/d/e" not in target and "\n" not in text
]


@pytest.fixture(scope="module")
def site() -> Iterator[HttpServer]:
    with in_thread(serve_conversations(converse)) as server:
        yield server


def test_chromium_reads_what_we_read(browser: Browser, site: HttpServer):
    """The foreign judge: its own `fetch`, straight to the server, from a page of that server."""
    judged = [answer for answer in ODD_ANSWERS if CHROMIUM in answer.agree]
    context = new_context(browser)
    page = context.new_page()
    page.goto(site.url("/plain"))
    urls = [path_of(answer) for answer in judged] + [f"/d/e?{quote(text)}" for text, _ in RELATIVE]
    read = page.evaluate(f"(values) => {{ const get = fetch; return {READ_ALL}; }}", {"urls": urls})
    context.close()
    wrong = [
        (answer.name, body)
        for answer, body in zip(judged, read, strict=False)
        if (body if isinstance(body, str) else None) != (answer.body.decode() if answer.body is not None else None)
    ]
    assert wrong == []
    assert not [answer.name for answer, body in zip(judged, read, strict=False) if body == {"code": "TimeoutError"}]
    assert read[len(judged) :] == [target.removeprefix("http://a.test") for _, target in RELATIVE]


def test_a_page_reads_them_through_the_mixnet(api: Any, site: HttpServer):
    read = api(f"const get = mixFetch; return {READ_ALL};", urls=[site.url(path_of(answer)) for answer in ODD_ANSWERS])
    wrong = []
    for answer, body in zip(ODD_ANSWERS, read, strict=True):
        if answer.body is not None:
            right = body == answer.body.decode()
        else:
            right = isinstance(body, dict) and body["code"].startswith("http.")
        if not right:
            wrong.append((answer.name, body))
    assert wrong == []


def test_a_pages_worker_follows_locations_as_the_standard_reads_them(api: Any, site: HttpServer):
    urls = [site.url(f"/d/e?{quote(text)}") for text, _ in RELATIVE] + [site.url("/d/e?/dax%AE_etf")]
    read = api(f"const get = mixFetch; return {READ_ALL};", urls=urls)
    assert read == [*(target.removeprefix("http://a.test") for _, target in RELATIVE), "/dax%AE_etf"]


def test_an_empty_location_is_an_answer(api: Any, site: HttpServer):
    code = "const answer = await mixFetch(values.url); return [answer.status, answer.redirected];"
    assert api(code, url=site.url("/d/e")) == [302, False]


def test_chromiums_urls_are_ours(browser: Browser):
    """What the worker has in the place of the library, on the same table."""
    context = new_context(browser)
    page = context.new_page()
    script = """(cases) => cases.map(([text, base]) => {
      try { return new URL(text, base ?? undefined).href; } catch { return null; }
    })"""
    cases = [*((text, None) for text, _ in NORMAL_FORMS), *((text, BASE) for text, _ in LOCATIONS)]
    read = page.evaluate(
        script, [[text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), base] for text, base in cases]
    )
    expected = [normal for _, normal in NORMAL_FORMS] + [target for _, target in LOCATIONS]
    assert [href.partition("#")[0] for href in read] == [href.partition("#")[0] for href in expected]
    context.close()


def test_a_page_is_told_what_is_no_url(api: Any):
    codes = api(
        "return Promise.all(values.urls.map(async (url) => (await caught(mixFetch(url)))?.code ?? url));",
        urls=[text for text in NO_URLS if "://" in text and not text.startswith("//")],
    )
    assert set(codes) == {"fetch.bad_url"}


def test_headers_of_the_connection_and_backslashes_are_no_errors(api: Any, site: HttpServer):
    """As SDKs set them: `fetch` drops them in silence."""
    read = api(
        """
        const headers = { Connection: "keep-alive", TE: "trailers", Expect: "100-continue", Upgrade: "h2c" };
        const read = async (end) => (await mixFetch(values.url + end, { headers })).text();
        return Promise.all(["?re=\\\\d+", "#\\\\x"].map(read));
        """,
        url=site.url("/a"),
    )
    assert read == ["/a?re=\\d+", "/a"]
