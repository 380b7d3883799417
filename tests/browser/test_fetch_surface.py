"""The rest of the Fetch standard's surface in a page: `Request` objects, streams, options, cookies, encodings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser
from support.chromium import new_context
from support.http_server import Conversation, serve_conversations
from support.httpbin_site import httpbin_site
from support.threaded import in_thread
from support.tls_server import authority, pem_of

from .waiting import wait_until

HTTPBIN = "const trusted = { ...options, caCertificates: [options.caCertificates, values.ca].flat() };"


@pytest.fixture(scope="module")
def httpbin(api: Any) -> Iterator[Callable[..., Any]]:
    """Runs JavaScript on a tunnel called "jar", which keeps cookies and trusts httpbin, whose origin is `origin`."""
    with in_thread(httpbin_site()) as origin:

        def run(code: str, **values: Any) -> Any:
            prelude = """
              const { createMixFetch, exportCookies, importCookies, clearCookies } =
                await import("/mix-fetch/index.js");
              const { origin } = values;
              const inJar = (path, init) => mixFetch(origin + path, { tunnel: "jar", ...init });
            """
            return api(HTTPBIN + prelude + code, origin=origin, ca=pem_of(authority()), **values)

        got = run("""
          const fetchByJar = await createMixFetch({ ...trusted, cookies: true, tunnel: "jar" });
          return [(await fetchByJar(origin + "/json")).status, (await getTunnelState("jar")).state];
        """)
        assert got == [200, "ready"]
        yield run
        run('await disconnectMixTunnel("jar")')


def test_request_objects(httpbin: Any):
    got = httpbin("""
      const make = () => new Request(origin + "/anything?a=1", { method: "PUT", body: "text", redirect: "manual",
        headers: { "X-Own": "1", "Content-Type": "text/own" } });
      const request = make();
      const copy = request.clone();
      const first = await (await mixFetch(request, { tunnel: "jar" })).json();
      const usedUp = await caught(mixFetch(request, { tunnel: "jar" }));
      const second = await (await mixFetch(copy, { tunnel: "jar", method: "POST", headers: {} })).json();
      const init = { tunnel: "jar", method: "PATCH", body: "other" };
      const third = await (await mixFetch(make(), init)).json();
      const manual = await mixFetch(new Request(origin + "/redirect/1", { redirect: "manual" }), { tunnel: "jar" });
      const twice = origin + "/redirect-to?url=/anything&status_code=307";
      const again = new Request(twice, { method: "PUT", body: "again" });
      const resent = await (await mixFetch(again, { tunnel: "jar" })).json();
      const aborted = new Request(origin + "/json", { signal: AbortSignal.abort() });
      return { answers: [first, second, third].map(({ method, data, headers, args }) =>
          [method, data, headers["X-Own"] ?? null, args.a]), code: usedUp.code, used: request.bodyUsed,
        resent: [resent.method, resent.data, resent.headers["Content-Length"]],
        manual: manual.status, aborted: (await caught(mixFetch(aborted, { tunnel: "jar" }))).name };
    """)
    assert got["answers"] == [["PUT", "text", "1", "1"], ["POST", "text", None, "1"], ["PATCH", "other", "1", "1"]]
    assert (got["code"], got["used"]) == ("fetch.bad_body", True)
    assert got["resent"] == ["PUT", "again", "5"]
    assert (got["manual"], got["aborted"]) == (302, "AbortError")


def test_a_url_object_and_one_relative_to_the_page(api: Any, playground: Any):
    got = api("""
      const text = async (input) => (await mixFetch(input)).json();
      const own = await mixFetch("playground.json?q");
      return { url: (await text(new URL("/json", site))) !== null, own: own.url, told: (await own.json()).url };
    """)
    assert got["url"]
    assert got["own"] == f"{playground.url}playground.json?q"


def test_files_and_iterables(api: Any):
    got = api("""
      const send = async (body) => (await mixFetch(site + "/echo", { method: "POST", body })).json();
      async function* pieces() { yield new Uint8Array([1, 2]); yield new Uint8Array([3]); }
      const file = await send(new File(["content"], "name.txt", { type: "text/x-own" }));
      const form = new FormData();
      form.append("file", new File(["in a form"], "name.txt"));
      return { file, pieces: await send(pieces()), form: (await send(form)).body.includes("in a form") };
    """)
    assert (got["file"]["body"], got["file"]["type"]) == ("content", "text/x-own")
    assert (got["pieces"]["length"], got["pieces"]["sha256"]) == (3, hashlib.sha256(bytes([1, 2, 3])).hexdigest())
    assert got["form"]


@asynccontextmanager
async def listening(came: list[bytes]):
    """A server that notes each piece of a chunked body as it comes."""

    async def talk(conversation: Conversation) -> None:
        await conversation.head()
        while size := int((await conversation.reader.readline()).strip(), 16):
            came.append((await conversation.reader.readexactly(size + 2))[:-2])
        await conversation.reader.readline()
        await conversation.respond(body=b"".join(came))

    async with serve_conversations(talk) as server:
        yield server


def test_a_stream_is_sent_as_it_comes(api: Any):
    came: list[bytes] = []
    with in_thread(listening(came)) as server:
        api(
            """
            const { readable, writable } = new TransformStream();
            globalThis.writer = writable.getWriter();
            globalThis.answer = mixFetch(values.url, { method: "POST", body: readable, duplex: "half" });
            await globalThis.writer.write(new TextEncoder().encode("first"));
            """,
            url=server.url(),
        )
        wait_until(lambda: came == [b"first"])
        got = api("""
          await globalThis.writer.write(new TextEncoder().encode(", second"));
          await globalThis.writer.close();
          return (await globalThis.answer).text();
        """)
    assert got == "first, second"


async def deaf(conversation: Conversation) -> None:
    conversation.writer.transport.pause_reading()
    await asyncio.Event().wait()


def test_a_server_that_takes_nothing_holds_the_stream_back_and_an_abort_ends_it(api: Any):
    with in_thread(serve_conversations(deaf)) as server:
        pulled, name, told = api(
            """
            let pulled = 0;
            let told = null;
            const body = new ReadableStream({
              pull(queue) { pulled += 65536; queue.enqueue(new Uint8Array(65536)); },
              cancel(reason) { told = reason.name; },
            }, { highWaterMark: 0 });
            const controller = new AbortController();
            const sending = caught(mixFetch(values.url, { method: "POST", body, signal: controller.signal }));
            for (let before = -1; before !== pulled || pulled === 0;) {
              before = pulled;
              await new Promise((resolve) => setTimeout(resolve, 1000));
            }
            const much = pulled;
            controller.abort();
            return [much, (await sending).name, told];
            """,
            url=server.url(),
        )
        assert pulled < 8_000_000
        assert (name, told) == ("AbortError", "AbortError")


def test_a_stream_that_breaks_rejects_with_its_own_error(api: Any, playground: Any):
    got = api("""
      const body = new ReadableStream({ pull() { throw new RangeError("mine"); } });
      const failure = await caught(mixFetch(site + "/echo", { method: "POST", body }));
      return [failure.name, failure.message, (await mixFetch(site + "/json")).status];
    """)
    assert got == ["RangeError", "mine", 200]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_encodings(api: Any, coding: str):
    got = api(
        """
        const response = await mixFetch(`${site}/encoded/${values.coding}`);
        const { headers } = response;
        const lines = (await response.text()).split("\\n").length;
        return [lines, headers.has("content-encoding"), headers.has("content-length")];
        """,
        coding=coding,
    )
    assert got == [201, False, False]


def test_the_headers_that_are_sent(httpbin: Any):
    got = httpbin("""
      const told = async (headers) => (await (await inJar("/headers", { headers })).json()).headers;
      return [await told(), await told({ "User-Agent": "own", Origin: "https://own.test", Cookie: "a=1" })];
    """)
    plain, own = got
    assert plain["User-Agent"].startswith("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
    assert plain["Accept"].startswith("text/html,application/xhtml+xml")
    assert (plain["Accept-Language"], plain["Accept-Encoding"]) == ("en-US,en;q=0.9", "gzip, deflate, br, zstd")
    assert set(plain) == {"User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Host"}
    assert (own["User-Agent"], own["Origin"], own["Cookie"]) == ("own", "https://own.test", "a=1")


def test_integrity(api: Any):
    text = b"".join(b"line %d of a text that was sent with gzip\n" % number for number in range(1, 201))
    right = "sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode()
    got = api(
        """
        const get = async (integrity) => (await mixFetch(site + "/encoded/gzip", { integrity })).text();
        return [(await get(values.right)).length, await caught(get("sha256-" + "A".repeat(43) + "="))];
        """,
        right=right,
    )
    assert got[0] == len(text)
    assert (got[1]["code"], got[1]["isTypeError"]) == ("fetch.bad_integrity", True)


def test_redirects_and_what_the_response_tells(httpbin: Any):
    got = httpbin("""
      const followed = await inJar("/redirect/2", { maxRedirects: 2 });
      const plain = await inJar("/json");
      const fail = (path, init) => caught(inJar(path, init));
      const changed = await inJar("/redirect-to?url=/anything&status_code=302", { method: "POST", body: "x" });
      const kept = await inJar("/redirect-to?url=/anything&status_code=307", { method: "POST", body: "x" });
      const streamed = await fail("/redirect-to?url=/anything&status_code=307",
        { method: "POST", body: new Blob(["x"]).stream(), duplex: "half" });
      return { told: [followed, plain].map(({ url, redirected, type }) => [url, redirected, type]),
        tooMany: (await fail("/redirect/3", { maxRedirects: 2 })).code,
        refused: (await fail("/redirect/1", { redirect: "error" })).code, streamed: streamed.code,
        methods: [(await changed.json()).method, (await kept.json()).method], origin };
    """)
    assert got["told"] == [[f"{got['origin']}/get", True, "basic"], [f"{got['origin']}/json", False, "basic"]]
    assert (got["tooMany"], got["refused"]) == ("fetch.too_many_redirects", "fetch.redirect_refused")
    assert got["streamed"] == "fetch.body_not_replayable"
    assert got["methods"] == ["GET", "POST"]


def test_what_only_browsers_can_heed_is_passed_over(api: Any):
    got = api("""
      const init = { mode: "no-cors", cache: "only-if-cached", referrer: "about:client", referrerPolicy: "origin",
        keepalive: true, priority: "high", window: null, attributionReporting: {}, unknown: 1 };
      const response = await mixFetch(site + "/json", init);
      return [response.status, response.type, (await response.json()) !== null];
    """)
    assert got == [200, "basic", True]


def test_a_clone_and_every_way_to_read(httpbin: Any):
    got = httpbin("""
      const response = await inJar("/encoding/utf8");
      const copies = Array.from({ length: 4 }, () => response.clone());
      const text = await response.text();
      const bytes = new TextEncoder().encode(text).byteLength;
      const blob = await copies[0].blob();
      const streamed = [];
      for await (const piece of copies[1].body) streamed.push(piece);
      const form = await inJar("/anything", { method: "POST", body: new URLSearchParams({ a: "ä" }) });
      return { sizes: [(await copies[2].arrayBuffer()).byteLength, blob.size, await new Blob(streamed).size, bytes],
        type: blob.type, form: (await form.json()).form, again: await caught(response.text()),
        copy: [copies[3].url === response.url, copies[3].headers.get("content-type"), copies[3].status] };
    """)
    assert len(set(got["sizes"])) == 1
    assert got["type"] == got["copy"][1] == "text/html; charset=utf-8"
    assert got["form"] == {"a": "ä"}
    assert got["again"]["isTypeError"]
    assert got["copy"][::2] == [True, 200]


def test_cookies(httpbin: Any):
    got = httpbin("""
      await clearCookies({ tunnel: "jar" });
      const seen = async (init) => (await (await inJar("/cookies", init)).json()).cookies;
      await inJar("/cookies/set?a=1&b=2");
      const kept = await seen();
      const omitted = await seen({ credentials: "omit" });
      const exported = await exportCookies({ tunnel: "jar" });
      await clearCookies({ tunnel: "jar" });
      const cleared = await seen();
      await importCookies(exported.filter(({ name }) => name === "b"), { tunnel: "jar" });
      const wrong = await caught(importCookies([{ name: "a;", value: "1", domain: "a.test" }], { tunnel: "jar" }));
      return { kept, omitted, names: exported.map(({ name }) => name).sort(), cleared, again: await seen(),
        wrong: wrong.code, without: await exportCookies() };
    """)
    assert (got["kept"], got["omitted"], got["cleared"]) == ({"a": "1", "b": "2"}, {}, {})
    assert (got["names"], got["again"]) == (["a", "b"], {"b": "2"})
    assert (got["wrong"], got["without"]) == ("cookies.invalid", [])


def test_https_only(api: Any, playground: Any):
    got = api(
        """
        await setupMixTunnel({ ...options, httpsOnly: true, tunnel: "strict" });
        const refused = await caught(mixFetch(values.http + "/json", { tunnel: "strict" }));
        const allowed = await mixFetch(site + "/json", { tunnel: "strict" });
        await disconnectMixTunnel("strict");
        return [refused.code, allowed.status, (await mixFetch(values.http + "/json")).status];
        """,
        http=playground.http,
    )
    assert got == ["fetch.https_only", 200, 200]


def test_plain_http_is_warned_about_once(browser: Browser, playground: Any):
    context = new_context(browser)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(playground.url)
    try:
        page.evaluate(
            """async ({ options, url }) => {
              const { mixFetch, setupMixTunnel } = await import("/mix-fetch/index.js");
              await setupMixTunnel(options);
              for (let count = 0; count < 2; count++) await (await mixFetch(url)).text();
            }""",
            {
                "options": {"directoryUrl": f"{playground.url}api", "disableCoverTraffic": True},
                "url": f"{playground.http}/json",
            },
        )

        def warnings() -> list[str]:
            return [line for line in said if "plain http" in line and "httpsOnly" in line]

        wait_until(warnings, page)  # the worker's console has a way of its own
        assert len(warnings()) == 1
    finally:
        context.close()


@pytest.mark.parametrize(
    ("init", "option"),
    [
        ("{ timeoutMs: 0 }", "timeoutMs"),
        ("{ maxRedirects: 101 }", "maxRedirects"),
        ("{ connectTimeoutMs: '1' }", "connectTimeoutMs"),
        ("{ signal: {} }", "signal"),
        ("{ credentials: 'all' }", "credentials"),
        ("{ integrity: 5 }", "integrity"),
        ("{ duplex: 'full' }", "duplex"),
        ("{ tunnel: '' }", "tunnel"),
    ],
)
def test_wrong_options_are_refused_by_name(api: Any, init: str, option: str):
    failure = api(f"return caught(mixFetch(site + '/json', {init}))")
    assert (failure["code"], failure["isTypeError"]) == ("fetch.invalid_option", True)
    assert failure["message"].startswith(f"{option} must be ")
