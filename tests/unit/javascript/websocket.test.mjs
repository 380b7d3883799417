// MixWebSocket over a worker that the test plays: the standard's surface, the published package's, and the wire.
import "./packages.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

// Browsers have these; Node has not.
globalThis.CloseEvent ??= class extends Event {
  constructor(type, { code = 0, reason = "", wasClean = false } = {}) {
    super(type);
    Object.assign(this, { code, reason, wasClean });
  }
};
globalThis.ErrorEvent ??= class extends Event {
  constructor(type, { error = null, message = "" } = {}) {
    super(type);
    Object.assign(this, { error, message });
  }
};
globalThis.location = new URL("https://page.test/folder/page.html");

const { RecordDecoder, encodeRecord } = await import("mix-tunnel/records.js");
const { MixError, InvalidWebSocketOption } = await import("mix-tunnel/errors.js");

const TEXT = 1, BINARY = 2, TEXT_PIECE = 3, BINARY_PIECE = 4, CLOSE = 5, SENT = 6, LATENCY = 7;
const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** The worker's side of one WebSocket. */
class Call {
  records = [];
  isCancelled = false;
  #decoder = new RecordDecoder(1 << 20);

  constructor(worker, { id, params, upload }) {
    Object.assign(this, { worker, id, params, upload });
  }

  take(body) {
    this.records.push(...this.#decoder.receive(new Uint8Array(body)));
  }

  open(value = { protocol: "", extensions: "" }) {
    this.worker.say({ type: "result", id: this.id, value, stream: true });
    this.worker.say({ type: "credit", id: this.id, bytes: 1 << 20 });
    return turn();
  }

  tell(kind, payload) {
    const body = encodeRecord(kind, payload).buffer;
    this.worker.say({ type: "chunk", id: this.id, end: false, body });
    return turn();
  }

  sent(bytes, messages) {
    const payload = new DataView(new ArrayBuffer(8));
    payload.setUint32(0, bytes);
    payload.setUint32(4, messages);
    return this.tell(SENT, new Uint8Array(payload.buffer));
  }

  end(code, reason = "") {
    void this.tell(CLOSE, Uint8Array.of(code >> 8, code & 255, ...encode(reason)));
    this.worker.say({ type: "chunk", id: this.id, end: true });
    return turn();
  }

  fail(code) {
    this.worker.say({ type: "error", id: this.id, code, message: "it broke", fields: {}, retryable: true });
    return turn();
  }
}

const calls = [];

globalThis.Worker = class extends EventTarget {
  constructor() {
    super();
    queueMicrotask(() => this.say({ type: "event", name: "worker.ready", value: {} }));
  }

  say(message) {
    const event = new Event("message");
    event.data = { version: 1, ...message };
    this.dispatchEvent(event);
  }

  postMessage(message) {
    const call = calls.find(({ id }) => id === message.id);
    if (message.type === "call" && message.method === "websocket.open") {
      calls.push(new Call(this, message));
    } else if (message.type === "call") {
      queueMicrotask(() => this.say({ type: "result", id: message.id, value: null, stream: false }));
    } else if (message.type === "chunk" && message.body) {
      call.take(message.body);
    } else if (message.type === "cancel") {
      call.isCancelled = true;
    }
  }

  terminate() {}
};

const { MixWebSocket, setupMixTunnel } = await import("mix-websocket");
await setupMixTunnel();

/** A WebSocket and the worker's side of it; `log` has the events. */
async function make({ protocols, options, value, open = true } = {}) {
  const socket = new MixWebSocket("wss://site.test/chat", protocols, options);
  const log = [];
  for (const type of ["open", "message", "error", "close"]) {
    socket.addEventListener(type, (event) => log.push([type, event.data ?? event.message ?? event.code]));
  }
  await turn();
  const call = calls.at(-1);
  if (open) {
    await call.open(value);
  }
  return { socket, call, log };
}

test("the constructor refuses what the standard refuses", () => {
  const isSyntaxError = (error) => error instanceof DOMException && error.name === "SyntaxError";
  for (const url of ["ws://", "ftp://a.test/", "wss://a.test/#", "wss://a.test/#part", "http://a b.test", "mailto:a"]) {
    assert.throws(() => new MixWebSocket(url), isSyntaxError, url);
  }
  for (const protocols of ["", "a b", "a,b", "ü", ["a", "a"], ["a", ""], [{}]]) {
    assert.throws(() => new MixWebSocket("wss://a.test/", protocols), isSyntaxError, String(protocols));
  }
  assert.throws(() => new MixWebSocket(), TypeError);
  assert.throws(() => MixWebSocket("wss://a.test/"), TypeError);
});

test("options are checked by name", () => {
  const wrong = { headers: 7, tunnel: "", maxMessageBytes: 0, pingIntervalMs: "1", openTimeoutMs: NaN, compression: "x" };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => new MixWebSocket("wss://a.test/", [], { [name]: value }),
      (error) => error instanceof InvalidWebSocketOption && error.message.startsWith(`${name} must be`), name);
  }
  assert.throws(() => new MixWebSocket("wss://a.test/", [], { header: {} }), /options must be/);
  assert.throws(() => new MixWebSocket("wss://a.test/", [], { headers: { "a b": "c" } }), /headers must be/);
  assert.throws(() => new MixWebSocket("wss://a.test/", [], 7), /options must be an object/);
});

test("URLs are normalised and may be relative", () => {
  assert.equal(new MixWebSocket("HTTP://Site.test:80/a/../b?c").url, "ws://site.test/b?c");
  assert.equal(new MixWebSocket(new URL("https://site.test")).url, "wss://site.test/");
  assert.equal(new MixWebSocket("echo").url, "wss://page.test/folder/echo");
});

test("what is asked of the worker", async () => {
  const headers = { Authorization: "Bearer x" };
  const options = { headers, maxMessageBytes: 5, pingIntervalMs: 0, compression: { clientMaxWindowBits: 10 } };
  const { socket, call } = await make({ protocols: new Set(["a", "b"]), options, open: false });
  assert.deepEqual(call.params, { url: "wss://site.test/chat", protocols: ["a", "b"], maxMessageBytes: 5,
    pingIntervalMs: 0, compression: { clientMaxWindowBits: 10 }, headers: [["Authorization", "Bearer x"]] });
  assert.equal(call.upload, true);
  assert.deepEqual(socket.protocols, ["a", "b"]);
  assert.deepEqual((await make({ protocols: "one" })).socket.protocols, ["one"]);
});

test("attributes and constants", async () => {
  const { socket, log } = await make({ value: { protocol: "b", extensions: "permessage-deflate" } });
  assert.deepEqual(log, [["open", undefined]]);
  assert.deepEqual([socket.readyState, socket.protocol, socket.extensions], [1, "b", "permessage-deflate"]);
  for (const holder of [MixWebSocket, socket]) {
    assert.deepEqual([holder.CONNECTING, holder.OPEN, holder.CLOSING, holder.CLOSED], [0, 1, 2, 3]);
  }
  assert.throws(() => { "use strict"; MixWebSocket.OPEN = 7; }, TypeError);
  assert.equal(String(socket), "[object MixWebSocket]");
  assert.equal(socket.binaryType, "arraybuffer");
  socket.binaryType = "nonsense";
  assert.equal(socket.binaryType, "arraybuffer");
});

test("messages arrive in order as text, buffers or blobs", async () => {
  const { socket, call, log } = await make();
  await call.tell(TEXT, encode("\ufeffgrüße"));
  await call.tell(BINARY, Uint8Array.of(1, 2));
  socket.binaryType = "blob";
  await call.tell(BINARY, Uint8Array.of(3));
  assert.equal(log[1][1], "\ufeffgrüße");
  assert.deepEqual(new Uint8Array(log[2][1]), Uint8Array.of(1, 2));
  assert.ok(log[2][1] instanceof ArrayBuffer);
  assert.deepEqual(new Uint8Array(await log[3][1].arrayBuffer()), Uint8Array.of(3));
  const origin = new Promise((resolve) => (socket.onmessage = (event) => resolve(event.origin)));
  await call.tell(TEXT, encode("x"));
  assert.equal(await origin, "wss://site.test");
});

test("everything that can be sent keeps its order, and what it was when it was sent", async () => {
  const { socket, call } = await make();
  const bytes = Uint8Array.of(0, 1, 2, 3);
  void socket.send(new Blob([encode("blob")]));
  void socket.send("text \ud800");
  void socket.send(bytes.buffer);
  void socket.send(bytes.subarray(1, 3));
  void socket.send(new DataView(bytes.buffer, 2));
  void socket.send(7);
  bytes.fill(9);
  assert.equal(socket.bufferedAmount, 4 + 8 + 4 + 2 + 2 + 1);
  await turn();
  assert.deepEqual(call.records.map(({ kind, payload }) => [kind, [...payload].join()]), [
    [BINARY, [...encode("blob")].join()], [TEXT, [...encode("text \ufffd")].join()], [BINARY, "0,1,2,3"],
    [BINARY, "1,2"], [BINARY, "2,3"], [TEXT, "55"],
  ]);
});

test("long messages travel in pieces", async () => {
  const { socket, call } = await make();
  void socket.send("x".repeat(150_000));
  void socket.send(new Uint8Array(65_537));
  void socket.send("");
  await turn();
  await turn();
  assert.deepEqual(call.records.map(({ kind, payload }) => [kind, payload.byteLength]), [
    [TEXT_PIECE, 65_536], [TEXT_PIECE, 65_536], [TEXT, 18_928], [BINARY_PIECE, 65_536], [BINARY, 1], [TEXT, 0],
  ]);
});

test("bufferedAmount and the promises of send follow what has left", async () => {
  const { socket, call } = await make();
  const done = [];
  for (const text of ["", "one", "three"]) {
    void socket.send(text).then(() => done.push(text));
  }
  await call.sent(2, 1);
  assert.deepEqual([socket.bufferedAmount, done], [6, [""]]);
  await call.sent(6, 2);
  assert.deepEqual([socket.bufferedAmount, done], [0, ["", "one", "three"]]);
});

test("latency", async () => {
  const { socket, call } = await make();
  assert.equal(socket.latencyMs, null);
  await call.tell(LATENCY, Uint8Array.of(0, 0, 4, 0));
  assert.equal(socket.latencyMs, 1.024);
});

test("send rejects unless open, and bothers only those who send while it is connecting", async () => {
  const isInvalidState = (error) => error instanceof DOMException && error.name === "InvalidStateError";
  const unhandled = [];
  const runners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => unhandled.push(reason));
  const { socket, call } = await make({ open: false });
  await assert.rejects(socket.send("too early"), isInvalidState);
  assert.equal(socket.bufferedAmount, 0);
  void socket.send("too early");
  await turn();
  assert.equal(unhandled.splice(0).filter(isInvalidState).length, 1);
  await call.open();
  void socket.send("lost");
  void socket.close();
  void socket.send("too late");
  await call.end(1005);
  void socket.send("too late");
  await turn();
  assert.deepEqual(unhandled, []);
  process.removeAllListeners("unhandledRejection");
  runners.forEach((runner) => process.on("unhandledRejection", runner));
  await assert.rejects(socket.send("12345"), isInvalidState);
  assert.equal(socket.bufferedAmount, 4 + 8 + 8 + 5);
  await assert.rejects(socket.send(), TypeError);
});

test("close checks its arguments as the standard does", async () => {
  const { socket, call } = await make();
  for (const code of [0, 999, 1001, 2999, 5000, -1, NaN, "x", 70_000, 1000.6]) {
    assert.throws(() => socket.close(code), { name: "InvalidAccessError" }, String(code));
  }
  assert.throws(() => socket.close(1000, "ü".repeat(62)), { name: "SyntaxError" });
  assert.equal(socket.readyState, 1);
  void socket.close(3000.5, "ü".repeat(61));
  assert.equal(socket.readyState, 2);
  void socket.close(4999);
  await turn();
  assert.deepEqual(call.records.map(({ kind }) => kind), [CLOSE]);
  assert.deepEqual([...call.records[0].payload.subarray(0, 2)], [3000 >> 8, 3000 & 255]);
  assert.equal(decode(call.records[0].payload.subarray(2)), "ü".repeat(61));
});

test("a close after messages, with a code or without", async () => {
  for (const [code, payload] of [[undefined, []], [1000, [3, 232]]]) {
    const { socket, call, log } = await make();
    void socket.send("last");
    const closed = socket.close(code);
    await call.tell(TEXT, encode("the answer"));
    assert.deepEqual(call.records.map(({ kind }) => kind), [TEXT, CLOSE]);
    assert.deepEqual([...call.records[1].payload], payload);
    await call.end(1000, "bye");
    await closed;
    assert.deepEqual(log, [["open", undefined], ["message", "the answer"], ["close", 1000]]);
    assert.equal(socket.readyState, 3);
    await socket.close();
  }
});

test("the server closes", async () => {
  const { socket, call } = await make();
  const event = new Promise((resolve) => (socket.onclose = resolve));
  await call.end(4001, "enough");
  const { code, reason, wasClean } = await event;
  assert.deepEqual([code, reason, wasClean, socket.readyState], [4001, "enough", true, 3]);
});

test("a failure before and after opening is an error and then a close event", async () => {
  const early = await make({ open: false });
  const opened = early.socket.opened();
  let caught;
  early.socket.onerror = (event) => (caught = event);
  await early.call.fail("websocket.invalid_status");
  await opened;
  assert.deepEqual(early.log, [["error", "it broke"], ["close", 1006]]);
  assert.ok(caught.error instanceof MixError);
  assert.equal(caught.error.code, "websocket.invalid_status");
  assert.equal(early.socket.readyState, 3);

  const late = await make();
  const sent = late.socket.send("x");
  await late.call.tell(TEXT, encode("before"));
  await late.call.fail("websocket.closed_error");
  assert.deepEqual(late.log, [["open", undefined], ["message", "before"], ["error", "it broke"], ["close", 1006]]);
  await assert.rejects(sent, { name: "NetworkError" });
});

test("a worker that says what it can't mean fails the connection", async () => {
  const bytes = (count) => new Uint8Array(count);
  const tooMuch = { sent: Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 1), ended: Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 2) };
  const wrong = [[SENT, bytes(7)], [SENT, tooMuch.sent], [SENT, tooMuch.ended], [LATENCY, bytes(3)], [LATENCY, bytes(5)],
    [CLOSE, bytes(1)], [CLOSE, bytes(126)], [TEXT_PIECE, bytes(3)], [0, bytes(1)], [255, bytes(0)]];
  for (const [kind, payload] of wrong) {
    const { socket, call, log } = await make();
    const sent = socket.send("four");
    await call.tell(kind, payload);
    assert.equal(log.length, 3, `${kind}`);
    assert.deepEqual(log.at(-1), ["close", 1006]);
    assert.ok(call.isCancelled);
    assert.equal(socket.readyState, 3);
    await assert.rejects(sent, { name: "NetworkError" });
  }
  const large = await make({ options: { maxMessageBytes: 3 } });
  await large.call.tell(TEXT, encode("four"));
  assert.deepEqual(large.log.at(-1), ["close", 1006]);
  assert.ok(large.call.isCancelled);
});

test("a worker that ends without a word fails the connection", async () => {
  const { socket, call, log } = await make();
  await call.tell(TEXT, encode("last"));
  let caught;
  socket.onerror = ({ error }) => (caught = error);
  call.worker.say({ type: "chunk", id: call.id, end: true });
  await turn();
  assert.equal(caught.code, "rpc.malformed");
  assert.deepEqual(log.map(([type]) => type), ["open", "message", "error", "close"]);
});

test("nothing counts after the close record", async () => {
  const { call, log } = await make();
  void call.tell(CLOSE, Uint8Array.of(3, 232));
  void call.tell(TEXT, encode("late"));
  await call.end(1001);
  assert.deepEqual(log, [["open", undefined], ["close", 1000]]);
});

test("closing while connecting fails the connection", async () => {
  const { socket, call, log } = await make({ open: false });
  await socket.close();
  assert.ok(call.isCancelled);
  assert.deepEqual(log.map(([type]) => type), ["error", "close"]);
  await call.open();
  assert.equal(socket.readyState, 3);
});

test("without a tunnel there is an error event", async () => {
  const socket = new MixWebSocket("wss://site.test/", [], { tunnel: "another" });
  const event = await new Promise((resolve) => (socket.onerror = resolve));
  assert.equal(event.error.code, "tunnel.not_set_up");
  await socket.opened();
  assert.equal(socket.readyState, MixWebSocket.CLOSED);
});

test("a blob that can't be read fails the connection", async () => {
  const { socket, call, log } = await make();
  const blob = new Blob(["x"]);
  blob.arrayBuffer = () => Promise.reject(new Error("unreadable"));
  await assert.rejects(socket.send(blob), { name: "NetworkError" });
  assert.ok(call.isCancelled);
  assert.deepEqual(log.at(-2), ["error", "unreadable"]);
});

test("handlers are called where they were set first", async () => {
  const socket = new MixWebSocket("wss://site.test/");
  const order = [];
  socket.onclose = () => order.push("old");
  socket.addEventListener("close", () => order.push("listener"));
  socket.onclose = function () { order.push(this === socket ? "handler" : "wrong"); };
  socket.onopen = 7;
  assert.equal(socket.onopen, null);
  socket.dispatchEvent(new Event("close"));
  socket.onclose = null;
  socket.dispatchEvent(new Event("close"));
  assert.deepEqual(order, ["handler", "listener", "listener"]);
});

test("everything that the published package exports", async () => {
  const ours = await import("mix-websocket");
  for (const name of ["MixWebSocket", "setupMixTunnel", "disconnectMixTunnel", "getTunnelState"]) {
    assert.equal(typeof ours[name], "function");
  }
});
