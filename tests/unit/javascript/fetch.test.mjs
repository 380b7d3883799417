// What mixFetch makes of its arguments, and what its responses are.
import "./packages.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const { prepareRequest } = await import("../../../packages/mix_fetch/js/request.js");
const { MixResponse } = await import("../../../packages/mix_fetch/js/response.js");
const { MixError, UsageError } = await import("mix-tunnel/errors.js");

const SITE = "https://site.test/";
const text = (buffer) => new TextDecoder().decode(buffer);
const head = { status: 200, statusText: "OK", headers: [], url: SITE, redirected: false };
const fine = { failure: () => undefined };
const stream = (...parts) => new Blob(parts).stream();
const collect = async (upload) => new Response(upload).text();

test("the plain case", async () => {
  const { params, content, signal, tunnel } = await prepareRequest("https://site.test/a?b#c");
  assert.deepEqual(params, { url: "https://site.test/a?b#c", method: "GET", headers: [], redirect: "follow",
    credentials: "same-origin", integrity: "" });
  assert.deepEqual(content, {});
  assert.deepEqual([signal, tunnel], [undefined, undefined]);
  assert.deepEqual((await prepareRequest(new URL("https://site.test/a?b#c"), null)).params, params);
});

test("every option travels", async () => {
  const numbers = { maxRedirects: 0, timeoutMs: 1.5, connectTimeoutMs: 2, responseTimeoutMs: 3, idleTimeoutMs: 4 };
  const words = { redirect: "manual", credentials: "omit", integrity: "sha256-x" };
  const { params, tunnel } = await prepareRequest(SITE, { ...numbers, ...words, tunnel: "work" });
  assert.deepEqual(params, { url: SITE, method: "GET", headers: [], ...numbers, ...words });
  assert.equal(tunnel, "work");
});

test("null and undefined are as good as absent", async () => {
  const absent = Object.fromEntries(["method", "headers", "body", "redirect", "credentials", "integrity", "signal",
    "maxRedirects", "timeoutMs", "duplex", "tunnel"].map((name) => [name, undefined]));
  const { params } = await prepareRequest(SITE, absent);
  assert.deepEqual(params, (await prepareRequest(SITE)).params);
  assert.deepEqual((await prepareRequest(SITE, { timeoutMs: null, signal: null })).params, params);
});

test("what only browsers can heed is passed over", async () => {
  const init = { mode: "unsafe-ignore-cors", cache: "no-store", referrer: "", referrerPolicy: "origin", keepalive: true,
    priority: "low", window: null };
  assert.deepEqual((await prepareRequest(SITE, init)).params, (await prepareRequest(SITE)).params);
});

test("methods are written as fetch writes them", async () => {
  for (const [given, sent] of [["post", "POST"], ["Delete", "DELETE"], ["patch", "patch"], ["own-Method", "own-Method"]]) {
    assert.equal((await prepareRequest(SITE, { method: given })).params.method, sent);
  }
});

test("headers of the connection are dropped, as fetch drops them", async () => {
  const headers = { Connection: "keep-alive", TE: "trailers", Expect: "100-continue", "Transfer-Encoding": "chunked",
    "Keep-Alive": "timeout=5", "Proxy-Connection": "close", Trailer: "X-A", Upgrade: "h2c", "Content-Length": "7",
    "X-Own": "1" };
  const { params } = await prepareRequest(SITE, { method: "POST", body: new Uint8Array(3), headers });
  assert.deepEqual(params.headers, [["x-own", "1"]]);
  assert.deepEqual((await prepareRequest(SITE, { headers })).params.headers, [["x-own", "1"]]);
});

test("headers that only browsers may set are the page's own here", async () => {
  const headers = { Cookie: "a=1", "User-Agent": "me", Origin: "https://elsewhere.test" };
  const { params } = await prepareRequest(SITE, { headers });
  assert.deepEqual(Object.fromEntries(params.headers),
    { cookie: "a=1", "user-agent": "me", origin: "https://elsewhere.test" });
});

test("bodies bring their content type, and the caller's own wins", async () => {
  const post = async (body, headers) => prepareRequest(SITE, { method: "POST", body, headers });
  const plain = await post("äö");
  assert.equal(text(plain.content.body), "äö");
  assert.deepEqual(plain.params.headers, [["content-type", "text/plain;charset=UTF-8"]]);
  const own = await post(new URLSearchParams({ a: "1" }), { "Content-Type": "x/own" });
  assert.deepEqual(own.params.headers, [["content-type", "x/own"]]);
  const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  assert.deepEqual([...new Uint8Array((await post(view)).content.body)], [1, 2]);
  const wide = new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 2);
  assert.deepEqual([...new Uint8Array((await post(wide)).content.body)], [2, 3]);
  const file = await post(new File(["abc"], "a.txt", { type: "text/x-own" }));
  assert.deepEqual([text(file.content.body), file.params.headers], ["abc", [["content-type", "text/x-own"]]]);
  const form = new FormData();
  form.append("name", new Blob(["content"]), "file.txt");
  const sent = await post(form);
  const boundary = sent.params.headers[0][1].split("boundary=")[1];
  assert.ok(text(sent.content.body).startsWith(`--${boundary}`));
  assert.ok((await post(stream("x"))).content.upload instanceof ReadableStream);
  assert.equal(text((await post(12)).content.body), "12");
  assert.equal(text((await post(new URL(SITE))).content.body), SITE);
  assert.equal((await post("")).content.body.byteLength, 0);
});

test("a large file is streamed, and its length told", async () => {
  const size = 9 * 1024 * 1024;
  const { params, content } = await prepareRequest(SITE, { method: "PUT", body: new Blob([new Uint8Array(size)]) });
  assert.deepEqual(params.headers, [["content-length", String(size)]]);
  let read = 0;
  for await (const piece of content.upload) read += piece.byteLength;
  assert.equal(read, size);
});

test("an asynchronous iterable is asked for a piece when one is wanted, and told when none is", async () => {
  const steps = [];
  async function* pieces() {
    try {
      for (const step of ["one", "two", "three"]) {
        steps.push(step);
        yield new TextEncoder().encode(step);
      }
    } finally {
      steps.push("end");
    }
  }
  const { content } = await prepareRequest(SITE, { method: "POST", body: pieces(), duplex: "half" });
  assert.deepEqual(steps, []);
  const reader = content.upload.getReader();
  assert.equal(text((await reader.read()).value), "one");
  assert.deepEqual(steps, ["one"]);
  await reader.cancel();
  assert.deepEqual(steps, ["one", "end"]);
  const all = await prepareRequest(SITE, { method: "POST", body: pieces() });
  assert.equal(await collect(all.content.upload), "onetwothree");
});

test("a Request is taken over and used up, and init wins", async () => {
  const controller = new AbortController();
  const request = new Request(SITE, { method: "PUT", body: "old", headers: { "X-Own": "1" }, redirect: "error",
    integrity: "sha256-x", credentials: "include", signal: controller.signal });
  const { params, content, signal } = await prepareRequest(request, { method: "POST" });
  assert.deepEqual([params.method, params.redirect, params.integrity, params.credentials],
    ["POST", "error", "sha256-x", "include"]);
  assert.ok(params.headers.some(([name, value]) => name === "x-own" && value === "1"));
  assert.equal(text(content.body), "old"); // whole, as it is known, so that it has a length and can be sent again
  controller.abort(new Error("mine"));
  assert.equal(signal.reason.message, "mine");
  assert.equal(request.bodyUsed, true);
  await assert.rejects(prepareRequest(request), { code: "fetch.bad_body" });
  const without = await prepareRequest(new Request(SITE, { signal: controller.signal }), { signal: null });
  assert.equal(without.signal, undefined);
});

test("a Request made of a stream is sent as it comes, and nothing of it is kept", async () => {
  const cancelled = [];
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("piece")),
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  const request = new Request(SITE, { method: "POST", body: stream, duplex: "half", headers: { "X-Own": "1" } });
  const { content } = await prepareRequest(request);
  assert.equal(content.body, undefined);
  const reader = content.upload.getReader();
  assert.equal(text((await reader.read()).value), "piece");
  await reader.cancel("enough");
  assert.equal(cancelled.length, 1); // which needs both sides of what a clone splits
});

test("a Request's type goes with its headers when init replaces them", async () => {
  const make = () => new Request(SITE, { method: "POST", body: "old", cache: "no-store", mode: "cors" });
  assert.deepEqual((await prepareRequest(make())).params.headers, [["content-type", "text/plain;charset=UTF-8"]]);
  assert.deepEqual((await prepareRequest(make(), { headers: {} })).params.headers, []);
});

test("a Request whose body somebody reads is refused", async () => {
  const request = new Request(SITE, { method: "POST", body: "old" });
  request.body.getReader();
  await assert.rejects(prepareRequest(request), { code: "fetch.bad_body" });
});

test("a relative URL is resolved as the document says", async () => {
  const { location, document } = globalThis;
  try {
    globalThis.location = new URL("https://site.test/page/");
    assert.equal((await prepareRequest("data")).params.url, "https://site.test/page/data");
    globalThis.document = { baseURI: "https://site.test/base/" };
    assert.equal((await prepareRequest("data")).params.url, "https://site.test/base/data");
  } finally {
    Object.assign(globalThis, { location, document });
  }
});

test("a Request whose body the browser does not show as a stream", async () => {
  const request = new Request(SITE, { method: "PUT", body: "old" });
  Object.defineProperty(request, "body", { value: undefined });
  const { content, params } = await prepareRequest(request);
  assert.equal(text(content.body), "old");
  assert.deepEqual(params.headers, [["content-type", "text/plain;charset=UTF-8"]]);
});

test("an aborted signal rejects with its reason, and frees the body", async () => {
  const cancelled = [];
  const body = () => new ReadableStream({ cancel: (reason) => void cancelled.push(reason.message) });
  const signal = AbortSignal.abort(new Error("early"));
  await assert.rejects(prepareRequest(SITE, { method: "POST", body: body(), signal }), { message: "early" });
  assert.deepEqual(cancelled, ["early"]);
  await assert.rejects(prepareRequest("ftp://site.test/", { signal }), { code: "fetch.unsupported_scheme" });

  const controller = new AbortController();
  const request = new Request(SITE, { method: "POST", body: body(), duplex: "half", signal: controller.signal });
  Object.defineProperty(request, "body", { value: undefined }); // so that it has to be read to its end, which never comes
  const pending = prepareRequest(request);
  controller.abort(new Error("late"));
  await assert.rejects(pending, { message: "late" });
});

for (const [name, input, init, code] of [
  ["no URL", "nonsense", {}, "fetch.bad_url"],
  ["no host", "http://", {}, "fetch.bad_url"],
  ["another scheme", "ftp://site.test/", {}, "fetch.unsupported_scheme"],
  ["credentials", "https://user:secret@site.test/", {}, "fetch.url_has_credentials"],
  ["an empty method", SITE, { method: "" }, "fetch.bad_method"],
  ["a forbidden method", SITE, { method: "trace" }, "fetch.bad_method"],
  ["a body on GET", SITE, { body: "x" }, "fetch.bad_body"],
  ["an object", SITE, { method: "POST", body: { a: 1 } }, "fetch.bad_body"],
  ["a function", SITE, { method: "POST", body: () => 1 }, "fetch.bad_body"],
  ["a symbol", SITE, { method: "POST", body: Symbol("x") }, "fetch.bad_body"],
  ["a bad header", SITE, { headers: { "bad name": "x" } }, "fetch.bad_header"],
  ["a header's line break", SITE, { headers: { a: "b\r\nc: d" } }, "fetch.bad_header"],
]) {
  test(`${name} is refused`, async () => {
    await assert.rejects(prepareRequest(input, init), (error) => {
      assert.ok(error instanceof TypeError && error instanceof UsageError);
      assert.equal(error.code, code);
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  });
}

for (const [option, values] of Object.entries({
  redirect: ["sideways", 1],
  credentials: ["all"],
  integrity: [5],
  duplex: ["full"],
  tunnel: ["", 3],
  signal: ["abort", {}],
  maxRedirects: [-1, 101, 1.5, "5", NaN],
  timeoutMs: [0, -1, Infinity, NaN, "1000", 2 ** 31],
  connectTimeoutMs: [0],
  responseTimeoutMs: [true],
  idleTimeoutMs: [[]],
})) {
  for (const value of values) {
    test(`${option} may not be ${JSON.stringify(value)}`, async () => {
      await assert.rejects(prepareRequest(SITE, { [option]: value }), (error) => {
        assert.equal(error.code, "fetch.invalid_option");
        assert.equal(error.fields.option, option);
        assert.ok(error.message.startsWith(`${option} must be `) && error.message.endsWith(error.fields.allowed));
        return error instanceof MixError;
      });
    });
  }
}

test("init has to be an object", async () => {
  await assert.rejects(prepareRequest(SITE, "POST"), { code: "fetch.invalid_option", fields: { option: "init",
    allowed: "an object" } });
});

test("a response keeps repeated headers, cookies too", async () => {
  const headers = [["Set-Cookie", "a=1"], ["set-cookie", "b=2"], ["Vary", "x"], ["Vary", "y"]];
  const response = new MixResponse(stream("body"), { ...head, headers }, fine);
  assert.ok(response instanceof Response);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(response.headers.get("vary"), "x, y");
  assert.deepEqual([response.url, response.redirected, response.type], [SITE, false, "basic"]);
  assert.deepEqual([response.ok, response.status, response.statusText], [true, 200, "OK"]);
  assert.equal(await response.text(), "body");
  assert.equal(response.bodyUsed, true);
  await assert.rejects(response.text(), TypeError);
  assert.throws(() => response.clone(), TypeError);
});

test("a blob has the response's type", async () => {
  const response = new MixResponse(stream("x"), { ...head, headers: [["Content-Type", "image/own"]] }, fine);
  assert.equal((await response.blob()).type, "image/own");
});

for (const [name, method, status] of [["204", "GET", 204], ["304", "GET", 304], ["205", "POST", 205], ["HEAD", "HEAD", 200]]) {
  test(`${name} has no body, and gives its stream up`, async () => {
    let cancelled = false;
    const body = new ReadableStream({ cancel: () => void (cancelled = true) });
    const response = MixResponse.to(method, body, { ...head, status }, fine);
    assert.equal(response.body, null);
    assert.equal(await response.text(), "");
    assert.equal(cancelled, true);
  });
}

test("statuses and reasons that the platform's Response would refuse", async () => {
  for (const [status, statusText] of [[999, "Request denied"], [600, ""], [199, "x"], [200, "with ünusual ☃"]]) {
    const response = MixResponse.to("GET", stream("x"), { ...head, status, statusText }, fine);
    assert.deepEqual([response.status, response.statusText, response.ok], [status, statusText, status === 200]);
    assert.equal(await response.text(), "x");
  }
});

test("headers that cannot be give the body up", () => {
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  assert.throws(() => MixResponse.to("GET", body, { ...head, headers: [["a b", "x"]] }, fine), TypeError);
  assert.equal(cancelled, true);
});

test("reading says why the body broke off", async () => {
  const reason = new Error("the reason");
  const broken = () => new ReadableStream({ start: (controller) => controller.error(new Error("other")) });
  for (const method of ["text", "json", "arrayBuffer", "blob"]) {
    const response = new MixResponse(broken(), head, { failure: () => reason });
    await assert.rejects(response[method](), { message: "the reason" });
  }
  const whole = new MixResponse(stream("no json"), head, fine);
  await assert.rejects(whole.json(), SyntaxError);
});

test("an abort counts even when the whole body is here, until it has been read", async () => {
  const controller = new AbortController();
  const origin = { ...fine, signal: controller.signal };
  const read = new MixResponse(stream("read"), head, origin);
  assert.equal(await read.text(), "read");
  const unread = new MixResponse(stream("unread"), head, origin);
  const empty = MixResponse.to("GET", null, { ...head, status: 204 }, origin);
  controller.abort();
  await assert.rejects(unread.text(), { name: "AbortError" });
  assert.equal(await empty.text(), "");
});

test("a clone is one of ours", async () => {
  const response = new MixResponse(stream("twice"), { ...head, headers: [["Set-Cookie", "a=1"]] }, fine);
  const copy = response.clone();
  assert.deepEqual([await response.text(), await copy.text()], ["twice", "twice"]);
  assert.deepEqual([copy.url, copy.headers.getSetCookie()], [response.url, ["a=1"]]);
});
