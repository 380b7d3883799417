"""`mixFetch` keeps the promises of `fetch`: real responses, all kinds of bodies, redirects, aborts, typed errors."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

SEND = """
  const response = await mixFetch(site + "/echo", {{ method: "POST", body: {body} }});
  return response.json();
"""


def test_a_real_response(api: Any):
    got = api("""
      const response = await mixFetch(site + "/cookies", { headers: { "X-Own": "1" } });
      return { real: response instanceof Response, ok: response.ok, status: response.status, url: response.url,
        redirected: response.redirected, cookies: response.headers.getSetCookie(), json: await response.json(),
        type: response.headers.get("content-type"), used: response.bodyUsed };
    """)
    assert got["real"]
    assert got["ok"]
    assert got["status"] == 200
    assert got["url"].endswith("/cookies")
    assert not got["redirected"]
    assert got["used"]
    assert got["json"] == {"cookies": 2}
    assert [cookie.split("=")[0] for cookie in got["cookies"]] == ["first", "second"]
    assert got["type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ('"päckchen"', "päckchen".encode(), "text/plain;charset=UTF-8"),
        ("new Uint8Array([1, 2, 3, 250])", bytes([1, 2, 3, 250]), None),
        ("new Uint8Array([9, 9, 1, 2, 9]).subarray(2, 4)", bytes([1, 2]), None),
        ("new Uint8Array([1, 2, 3]).buffer", bytes([1, 2, 3]), None),
        ('new Blob(["abc"], { type: "text/x-own" })', b"abc", "text/x-own"),
        ('new URLSearchParams({ a: "1", b: "ä" })', b"a=1&b=%C3%A4", "application/x-www-form-urlencoded;charset=UTF-8"),
        ('new Blob(["one ", "two"]).stream()', b"one two", None),
        ('""', b"", "text/plain;charset=UTF-8"),
    ],
)
def test_bodies(api: Any, body: str, sent: bytes, kind: str | None):
    got = api(SEND.format(body=body))
    assert (got["length"], got["sha256"], got["type"]) == (len(sent), hashlib.sha256(sent).hexdigest(), kind)


def test_a_form(api: Any):
    got = api("""
      const form = new FormData();
      form.append("name", "value");
      form.append("file", new Blob(["content"]), "file.txt");
      return (await mixFetch(site + "/echo", { method: "POST", body: form })).json();
    """)
    assert got["type"].startswith("multipart/form-data; boundary=")
    assert "content" in got["body"]
    assert 'filename="file.txt"' in got["body"]


def test_a_large_upload_arrives_whole(api: Any):
    got = api("""
      const bytes = new Uint8Array(700_000).map((_, index) => index * index % 251);
      const digest = async (data) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))]
        .map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const whole = await (await mixFetch(site + "/echo", { method: "PUT", body: bytes })).json();
      const stream = new Blob([bytes]).stream();
      const streamed = await (await mixFetch(site + "/echo", { method: "PUT", body: stream, duplex: "half" })).json();
      return { expected: await digest(bytes), whole: whole.sha256, streamed: streamed.sha256, kept: bytes.length };
    """)
    assert got["whole"] == got["streamed"] == got["expected"]
    assert got["kept"] == 700_000  # the caller's bytes are the caller's


def test_redirects(api: Any):
    got = api("""
      const followed = await mixFetch(site + "/redirect/2");
      const manual = await mixFetch(site + "/redirect/2", { redirect: "manual" });
      return { url: followed.url, redirected: followed.redirected, text: await followed.text(),
        status: manual.status, location: manual.headers.get("location"),
        refused: await caught(mixFetch(site + "/redirect/2", { redirect: "error" })),
        tooMany: await caught(mixFetch(site + "/redirect/20")) };
    """)
    assert got["redirected"]
    assert "It works" in got["text"]
    assert (got["status"], got["location"]) == (302, "/redirect/1")
    for failure in (got["refused"], got["tooMany"]):
        assert failure["isTypeError"]
        assert failure["code"] in ("fetch.redirect_refused", "fetch.too_many_redirects")


def test_answers_without_a_body(api: Any):
    got = api("""
      const head = await mixFetch(site + "/json", { method: "HEAD" });
      const empty = await mixFetch(site + "/status/204");
      const teapot = await mixFetch(site + "/status/418");
      return [head.status, (await head.text()).length, empty.status, empty.body, teapot.status, teapot.ok];
    """)
    assert got == [200, 0, 204, None, 418, False]


def test_clone_and_stream(api: Any):
    got = api("""
      const response = await mixFetch(site + "/bytes/200000");
      const copy = response.clone();
      const reader = response.body.getReader();
      let size = 0;
      for (let item = await reader.read(); !item.done; item = await reader.read()) size += item.value.byteLength;
      return [size, (await copy.arrayBuffer()).byteLength, copy.url === response.url];
    """)
    assert got == [200_000, 200_000, True]


def test_many_at_once(api: Any):
    got = api("""
      const sizes = [1, 1000, 20000, 3, 50000, 7, 0, 65536];
      return Promise.all(sizes.map(async (size) =>
        (await (await mixFetch(site + "/bytes/" + size)).arrayBuffer()).byteLength));
    """)
    assert got == [1, 1000, 20000, 3, 50000, 7, 0, 65536]


def test_aborts(api: Any):
    got = api("""
      const early = await caught(mixFetch(site + "/", { signal: AbortSignal.abort() }));
      const waiting = new AbortController();
      const pending = caught(mixFetch(site + "/slow?headers", { signal: waiting.signal }));
      waiting.abort();
      const reading = new AbortController();
      const response = await mixFetch(site + "/slow", { signal: reading.signal });
      const reader = response.body.getReader();
      await reader.read();
      reading.abort(new Error("my own reason"));
      const inBody = await caught(reader.read());
      const late = async () => (await mixFetch(site + "/slow", { signal: AbortSignal.timeout(1500) })).text();
      const timeout = await caught(late());
      const after = await mixFetch(site + "/json");
      return { early, pending: await pending, inBody, timeout, after: after.status };
    """)
    assert got["early"]["name"] == got["pending"]["name"] == "AbortError"
    assert got["inBody"]["message"] == "my own reason"
    assert got["timeout"]["name"] == "TimeoutError"
    assert got["after"] == 200


def test_cancelling_the_body_is_enough(api: Any):
    got = api("""
      const response = await mixFetch(site + "/bytes/20000000");
      await response.body.cancel();
      return (await mixFetch(site + "/json")).status;
    """)
    assert got == 200


def test_a_body_that_is_not_read_does_not_flow(api: Any):
    """Credit holds the worker back, TCP's window the server: far less than the whole body travels."""
    got = api("""
      const response = await mixFetch(site + "/bytes/20000000");
      let before = -1;
      let now = (await getTunnelStats()).bytesReceived;
      while (now !== before) {
        await new Promise((resolve) => setTimeout(resolve, 700));
        before = now;
        now = (await getTunnelStats()).bytesReceived;
      }
      await response.body.cancel();
      return now;
    """)
    assert got < 4_000_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('mixFetch("ftp://demo.test/")', "http"),
        ('mixFetch("http://")', "URL"),
        ('mixFetch("https://user:secret@demo.test/")', "Authorization"),
        ('mixFetch(site, { method: "GE T" })', "method"),
        ('mixFetch(site, { method: "CONNECT" })', "method"),
        ('mixFetch(site, { method: "GET", body: "x" })', "body"),
        ('mixFetch(site, { redirect: "sideways" })', "redirect"),
    ],
)
def test_wrong_calls_reject_with_a_type_error(api: Any, call: str, message: str):
    failure = api(f"return caught({call})")
    assert failure["isTypeError"]
    assert message in failure["message"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://nobody.invalid/", "dns."),
        ("http://demo.test:1/", "tcp."),
        ("http://10.9.8.7/", "tunnel."),
        ("https://127.0.0.1:{port}/", "tls."),
    ],
    ids=["no such name", "refused port", "forbidden destination", "wrong host name"],
)
def test_failures_have_codes(api: Any, playground: Any, url: str, code: str):
    failure = api("return caught(mixFetch(values.url))", url=url.format(port=playground.https.rsplit(":")[-1]))
    assert failure["isMixError"]
    assert failure["isTypeError"]
    assert failure["code"].startswith(code), failure
    assert "127.0.0.1" not in failure["message"]
    assert api("return (await mixFetch(site + '/json')).status") == 200


def test_a_private_authority_is_refused_unless_trusted(api: Any):
    got = api("""
      await disconnectMixTunnel();
      await setupMixTunnel({ ...options, caCertificates: [] });
      const refused = await caught(mixFetch(site + "/"));
      await disconnectMixTunnel();
      await setupMixTunnel(options);
      return { refused, status: (await mixFetch(site + "/")).status };
    """)
    assert got["refused"]["code"].startswith("tls.")
    assert got["status"] == 200


def test_second_setup_is_refused(api: Any):
    failure = api("return caught(setupMixTunnel(options))")
    assert (failure["code"], failure["message"]) == ("tunnel.already_initialised", "tunnel already initialised")
    assert api("return (await getTunnelState()).state") == "ready"


def test_setups_that_fail_leave_the_way_free(api: Any, playground: Any):
    got = api(
        """
        await disconnectMixTunnel();
        const withoutTunnel = await caught(mixFetch(site + "/"));
        const noDirectory = await caught(setupMixTunnel({ ...options, directoryUrl: values.wrong }));
        const state = (await getTunnelState()).state;
        const unknownOption = await caught(setupMixTunnel({ preferredNetworkRequester: "x" }));
        await setupMixTunnel(options);
        return { withoutTunnel, noDirectory, state, unknownOption, status: (await mixFetch(site + "/")).status };
        """,
        wrong=f"{playground.url}nothing/here",
    )
    assert got["withoutTunnel"]["code"] == "tunnel.not_set_up"
    assert got["noDirectory"]["isMixError"]
    assert got["state"] == "failed"
    assert got["unknownOption"]["code"] == "tunnel.invalid_option"
    assert got["status"] == 200


def test_requests_need_not_wait_for_the_set_up(api: Any, playground: Any):
    got = api(
        """
        await disconnectMixTunnel();
        const failing = caught(setupMixTunnel({ ...options, directoryUrl: values.wrong }));
        const lost = await caught(mixFetch(site + "/"));
        const why = await failing;
        const setup = setupMixTunnel(options);
        const gone = caught(mixFetch(site + "/", { signal: AbortSignal.timeout(1) }));
        const response = await mixFetch(site + "/");
        await setup;
        return { lost, why, gone: await gone, status: response.status };
        """,
        wrong=f"{playground.url}nothing/here",
    )
    assert got["lost"]["code"] == got["why"]["code"]
    assert got["why"]["isMixError"]
    assert got["gone"]["name"] == "TimeoutError"
    assert got["status"] == 200


def test_disconnect_while_connecting(api: Any):
    got = api("""
      await disconnectMixTunnel();
      const setup = caught(setupMixTunnel(options));
      await disconnectMixTunnel();
      const cancelled = await setup;
      await setupMixTunnel(options);
      return { cancelled, state: (await getTunnelState()).state };
    """)
    assert got["cancelled"]["code"] == "tunnel.setup_cancelled"
    assert got["state"] == "ready"
