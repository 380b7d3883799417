// Conversations of the page's Channel with a worker that the test plays.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Channel } from "../../../packages/mix_tunnel/js/channel.js";
import { MixError } from "../../../packages/mix_tunnel/js/errors.js";

const WINDOW = 512 * 1024;

/** The worker's side: remembers what was sent, and says what it is told. */
class Script {
  sent = [];
  #listener;
  channel = new Channel(this);

  addEventListener(_, listener) {
    this.#listener = listener;
  }

  postMessage(message, transfer) {
    this.sent.push(structuredClone(message, { transfer }));
  }

  say(message) {
    this.#listener({ data: { version: 1, ...message } });
  }

  take(type) {
    const taken = this.sent.filter((message) => message.type === type);
    this.sent = this.sent.filter((message) => message.type !== type);
    return taken;
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve));
const bytes = (size, value = 7) => new Uint8Array(size).fill(value).buffer;

test("a call and its result", async () => {
  const worker = new Script();
  const answer = worker.channel.call("tunnel.state", { a: 1 });
  const [call] = worker.take("call");
  assert.deepEqual(call, { version: 1, id: 1, type: "call", method: "tunnel.state", params: { a: 1 }, upload: false,
    body: undefined });
  worker.say({ type: "result", id: 1, value: { state: "ready" }, stream: false });
  const { value, body } = await answer;
  assert.deepEqual(value, { state: "ready" });
  assert.equal(body, null);
});

test("it tells for how long it has been quiet, whoever looks at the tunnel's figures meanwhile", async (t) => {
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  const worker = new Script();
  const pass = () => {
    now += 100;
    return worker.channel.quietMs;
  };
  void worker.channel.call("fetch");
  assert.equal(pass(), 100);
  worker.say({ type: "result", id: 1, value: {}, stream: true });
  assert.equal(pass(), 100);
  worker.say({ type: "chunk", id: 1, end: false, body: bytes(1) });
  assert.equal(pass(), 100);
  void worker.channel.call("tunnel.stats");
  assert.equal(pass(), 200);
  worker.say({ type: "result", id: 2, value: {}, stream: false });
  assert.equal(pass(), 300);
  worker.say({ type: "event", id: 0, name: "tunnel.state", value: 1 });
  assert.equal(pass(), 100);
});

test("an event is told, and gives credit for another one", () => {
  const worker = new Script();
  const told = [];
  const stop = worker.channel.on("tunnel.state", (value) => told.push(value));
  worker.say({ type: "event", id: 0, name: "tunnel.state", value: 1 });
  worker.say({ type: "event", id: 0, name: "other", value: 2 });
  stop();
  worker.say({ type: "event", id: 0, name: "tunnel.state", value: 3 });
  assert.deepEqual(told, [1]);
  assert.deepEqual(worker.take("credit"), Array(3).fill({ version: 1, id: 0, type: "credit", bytes: 1 }));
});

test("an error is revived with its class", async () => {
  const worker = new Script();
  const answer = worker.channel.call("x");
  worker.say({ type: "error", id: 1, code: "tunnel.already_initialised", message: "no", fields: { a: 1 },
    retryable: true });
  await assert.rejects(answer, (error) => error instanceof MixError && error.name === "TunnelAlreadyInitialised"
    && error.fields.a === 1 && error.retryable);
});

test("the whole body is transferred, and gone here", async () => {
  const worker = new Script();
  const body = bytes(10);
  void worker.channel.call("x", {}, { body }).catch(() => {});
  assert.equal(worker.take("call")[0].body.byteLength, 10);
  assert.equal(body.byteLength, 0);
});

test("credit is given as the body is read, and never more than a window", async () => {
  const worker = new Script();
  const answer = worker.channel.call("x");
  assert.equal(worker.take("credit")[0].bytes, WINDOW);
  worker.say({ type: "result", id: 1, value: null, stream: true });
  const reader = (await answer).body.getReader();
  for (let sent = 0; sent < WINDOW; sent += 65_536) {
    worker.say({ type: "chunk", id: 1, end: false, body: bytes(65_536) });
  }
  await turn();
  assert.deepEqual(worker.take("credit"), []);
  let read = 0;
  let granted = 0;
  for (let round = 0; round < 8; round += 1) {
    read += (await reader.read()).value.byteLength;
    await turn();
    granted += worker.take("credit").reduce((sum, message) => sum + message.bytes, 0);
    assert.ok(granted <= read);
  }
  assert.equal(granted, WINDOW);
  worker.say({ type: "chunk", id: 1, end: true });
  assert.equal((await reader.read()).done, true);
});

test("a body that fails in the middle", async () => {
  const worker = new Script();
  const answer = worker.channel.call("x");
  worker.say({ type: "result", id: 1, value: null, stream: true });
  const { body, failure } = await answer;
  worker.say({ type: "chunk", id: 1, end: false, body: bytes(3) });
  assert.equal(failure(), undefined);
  worker.say({ type: "error", id: 1, code: "http.body_cut", message: "cut" });
  const reader = body.getReader();
  await assert.rejects(reader.read(), { code: "http.body_cut" });
  assert.equal(failure().code, "http.body_cut");
});

test("an abort at every stage cancels once and rejects with the reason", async () => {
  const worker = new Script();
  const early = new AbortController();
  early.abort(new Error("early"));
  await assert.rejects(worker.channel.call("x", {}, { signal: early.signal }), { message: "early" });
  assert.deepEqual(worker.sent, []);

  const waiting = new AbortController();
  const pending = worker.channel.call("x", {}, { signal: waiting.signal });
  waiting.abort();
  await assert.rejects(pending, { name: "AbortError" });
  assert.equal(worker.take("cancel").length, 1);

  const reading = new AbortController();
  const answer = worker.channel.call("x", {}, { signal: reading.signal });
  worker.say({ type: "result", id: 2, value: null, stream: true });
  const reader = (await answer).body.getReader();
  reading.abort(new Error("enough"));
  await assert.rejects(reader.read(), { message: "enough" });
  assert.equal(worker.take("cancel").length, 1);
  worker.say({ type: "chunk", id: 2, end: false, body: bytes(3) }); // was on its way
  worker.say({ type: "error", id: 2, code: "rpc.cancelled", message: "" });

  const done = new AbortController();
  const finished = worker.channel.call("x", {}, { signal: done.signal });
  worker.say({ type: "result", id: 3, value: 1, stream: false });
  await finished;
  done.abort();
  assert.equal(worker.take("cancel").length, 0);
});

test("cancelling the body cancels the call", async () => {
  const worker = new Script();
  const answer = worker.channel.call("x");
  worker.say({ type: "result", id: 1, value: null, stream: true });
  await (await answer).body.cancel();
  assert.equal(worker.take("cancel").length, 1);
});

test("an upload flows under credit and ends", async () => {
  const worker = new Script();
  const source = [new Uint8Array([1, 2, 3, 4, 5]), new Uint8Array(100_000).fill(9)];
  const upload = new ReadableStream({
    pull: (controller) => (source.length ? controller.enqueue(source.shift()) : controller.close()),
  });
  const answer = worker.channel.call("x", {}, { upload });
  assert.equal(worker.take("call")[0].upload, true);
  await turn();
  assert.deepEqual(worker.take("chunk"), []);
  worker.say({ type: "credit", id: 1, bytes: 3 });
  await turn();
  assert.deepEqual(worker.take("chunk").map(({ body }) => [...new Uint8Array(body)]), [[1, 2, 3]]);
  worker.say({ type: "credit", id: 1, bytes: 2 + 100_000 + 1 });
  await turn();
  const chunks = worker.take("chunk");
  assert.deepEqual(chunks.map(({ body, end }) => [body?.byteLength ?? 0, end]),
    [[2, false], [65_536, false], [34_464, false], [0, true]]);
  worker.say({ type: "result", id: 1, value: "ok", stream: false });
  assert.equal((await answer).value, "ok");
});

test("an upload that nobody wants any longer is told why", async () => {
  const worker = new Script();
  const told = [];
  const controller = new AbortController();
  const upload = new ReadableStream({ cancel: (reason) => void told.push(reason) });
  const answer = worker.channel.call("x", {}, { upload, signal: controller.signal });
  const reason = new Error("mine");
  controller.abort(reason);
  await assert.rejects(answer, reason);
  assert.deepEqual(told, [reason]);
});

test("an upload that fails cancels the call and rejects with its error", async () => {
  const worker = new Script();
  const upload = new ReadableStream({ pull: (controller) => controller.error(new Error("disk")) });
  const answer = worker.channel.call("x", {}, { upload });
  worker.say({ type: "credit", id: 1, bytes: 10 });
  await assert.rejects(answer, { message: "disk" });
  assert.equal(worker.take("cancel").length, 1);
});

test("events reach their listeners until they leave", () => {
  const worker = new Script();
  const heard = [];
  const leave = worker.channel.on("tunnel.state", (value) => heard.push(value));
  worker.say({ type: "event", id: 0, name: "tunnel.state", value: 1 });
  worker.say({ type: "event", id: 0, name: "other", value: 2 });
  leave();
  worker.say({ type: "event", id: 0, name: "tunnel.state", value: 3 });
  assert.deepEqual(heard, [1]);
});

test("a worker that is gone fails what is open and what comes", async () => {
  const worker = new Script();
  const waiting = worker.channel.call("x");
  const streaming = worker.channel.call("x");
  worker.say({ type: "result", id: 2, value: null, stream: true });
  const { body } = await streaming;
  worker.channel.break(new Error("gone"));
  await assert.rejects(waiting, { message: "gone" });
  await assert.rejects(body.getReader().read(), { message: "gone" });
  await assert.rejects(worker.channel.call("x"), { message: "gone" });
});

test("strange messages are ignored", () => {
  const worker = new Script();
  worker.say({ type: "result", id: 99, value: 1, stream: false });
  worker.say({ version: 2, type: "event", id: 0, name: "x" });
  worker.say({ type: "nonsense", id: 1 });
});
