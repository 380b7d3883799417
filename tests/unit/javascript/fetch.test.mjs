// What mixFetch makes of its arguments, and what its responses are.
import assert from "node:assert/strict";
import { test } from "node:test";

import { prepareRequest } from "../../../packages/mix_fetch/js/request.js";
import { MixResponse } from "../../../packages/mix_fetch/js/response.js";

const text = (buffer) => new TextDecoder().decode(buffer);
const head = { status: 200, statusText: "OK", headers: [], url: "https://site.test/", redirected: false };
const stream = (...parts) => new Blob(parts).stream();

test("the plain case", async () => {
  const { params, body, upload } = await prepareRequest("https://site.test/a?b#c", {});
  assert.deepEqual(params, { url: "https://site.test/a?b#c", method: "GET", headers: [], redirect: "follow" });
  assert.equal(body ?? upload, undefined);
});

test("methods are written as fetch writes them", async () => {
  for (const [given, sent] of [["post", "POST"], ["Delete", "DELETE"], ["patch", "patch"], ["own-Method", "own-Method"]]) {
    assert.equal((await prepareRequest("https://site.test/", { method: given })).params.method, sent);
  }
});

test("headers that only browsers may set are the page's own here", async () => {
  const headers = { Cookie: "a=1", "User-Agent": "me", Origin: "https://elsewhere.test" };
  const { params } = await prepareRequest("https://site.test/", { headers });
  assert.deepEqual(Object.fromEntries(params.headers),
    { cookie: "a=1", "user-agent": "me", origin: "https://elsewhere.test" });
});

test("bodies bring their content type, and the caller's own wins", async () => {
  const post = async (body, headers) => prepareRequest("https://site.test/", { method: "POST", body, headers });
  const plain = await post("äö");
  assert.equal(text(plain.body), "äö");
  assert.deepEqual(plain.params.headers, [["content-type", "text/plain;charset=UTF-8"]]);
  const own = await post(new URLSearchParams({ a: "1" }), { "Content-Type": "x/own" });
  assert.deepEqual(own.params.headers, [["content-type", "x/own"]]);
  const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  assert.deepEqual([...new Uint8Array((await post(view)).body)], [1, 2]);
  assert.ok((await post(stream("x"))).upload instanceof ReadableStream);
});

test("a Request is taken over, and init wins", async () => {
  const request = new Request("https://site.test/", { method: "PUT", body: "old", headers: { "X-Own": "1" } });
  const { params, upload } = await prepareRequest(request, { method: "POST" });
  assert.equal(params.method, "POST");
  assert.ok(params.headers.some(([name, value]) => name === "x-own" && value === "1"));
  assert.equal(await new Response(upload).text(), "old");
});

test("what cannot be a request is a TypeError", async () => {
  const wrong = [
    ["nonsense", {}],
    ["ftp://site.test/", {}],
    ["https://user@site.test/", {}],
    ["https://site.test/", { method: "" }],
    ["https://site.test/", { method: "trace" }],
    ["https://site.test/", { body: "x" }],
    ["https://site.test/", { method: "POST", redirect: "no" }],
    ["https://site.test/", { headers: { "bad name": "x" } }],
  ];
  for (const [input, init] of wrong) {
    await assert.rejects(prepareRequest(input, init), TypeError, JSON.stringify([input, init]));
  }
});

test("a response keeps repeated headers, cookies too", async () => {
  const headers = [["Set-Cookie", "a=1"], ["set-cookie", "b=2"], ["Vary", "x"], ["Vary", "y"]];
  const response = new MixResponse(stream("body"), { ...head, headers }, () => undefined);
  assert.ok(response instanceof Response);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(response.headers.get("vary"), "x, y");
  assert.deepEqual([response.url, response.redirected, response.type], ["https://site.test/", false, "basic"]);
  assert.equal(await response.text(), "body");
  assert.equal(response.bodyUsed, true);
});

test("a blob has the response's type", async () => {
  const response = new MixResponse(stream("x"), { ...head, headers: [["Content-Type", "image/own"]] }, () => undefined);
  assert.equal((await response.blob()).type, "image/own");
});

test("statuses without a body give their stream up", async () => {
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  const response = new MixResponse(body, { ...head, status: 204 }, () => undefined);
  assert.equal(response.body, null);
  assert.equal(cancelled, true);
});

test("reading says why the body broke off", async () => {
  const reason = new Error("the reason");
  const broken = () => new ReadableStream({ start: (controller) => controller.error(new Error("other")) });
  for (const method of ["text", "json", "arrayBuffer", "blob"]) {
    const response = new MixResponse(broken(), head, () => reason);
    await assert.rejects(response[method](), { message: "the reason" });
  }
  const fine = new MixResponse(stream("no json"), head, () => undefined);
  await assert.rejects(fine.json(), SyntaxError);
});

test("a clone is one of ours", async () => {
  const response = new MixResponse(stream("twice"), { ...head, headers: [["Set-Cookie", "a=1"]] }, () => undefined);
  const copy = response.clone();
  assert.deepEqual([await response.text(), await copy.text()], ["twice", "twice"]);
  assert.deepEqual([copy.url, copy.headers.getSetCookie()], [response.url, ["a=1"]]);
});
