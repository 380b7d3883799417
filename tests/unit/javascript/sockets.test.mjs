// Raw sockets and statistics over a worker that the test plays.
import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeRecord } from "../../../packages/mix_tunnel/js/records.js";
import {
  InvalidArgument, InvalidOption, TunnelClosed, TunnelNotSetUp,
  disconnectMixTunnel, getMixTunnel, onTunnelState, onTunnelStats, setupMixTunnel,
} from "../../../packages/mix_tunnel/js/index.js";

Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
globalThis.location = new URL("https://page.test/");

const turn = () => new Promise((resolve) => setTimeout(resolve));
const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (string) => new TextEncoder().encode(string);
const VALUE = { socket: 5, localAddress: "10.0.0.1", localPort: 50_000, remoteAddress: "192.0.2.1", remotePort: 7,
  alpn: null };

/** The worker's side of sockets: what the page sent, and a way to say something. */
class FakeWorker extends EventTarget {
  static last;
  sent = [];
  stats = 0;

  constructor() {
    super();
    FakeWorker.last = this;
  }

  postMessage(message) {
    this.sent.push(message);
    if (message.type !== "call") {
      return;
    }
    const { id, method } = message;
    if (method === "tunnel.setup") {
      this.say({ type: "event", id: 0, name: "tunnel.state", value: { state: "ready", steps: [], elapsedMs: 1 } });
    }
    if (method.startsWith("tunnel.") || method === "socket.reset") {
      this.stats += method === "tunnel.stats";
      queueMicrotask(() => this.say({ type: "result", id, value: { bytesSent: this.stats }, stream: false }));
    } else if (method === "socket.connect" || method === "socket.udp") {
      queueMicrotask(() => this.say({ type: "result", id, value: VALUE, stream: true }));
    }
    if (message.upload) {
      queueMicrotask(() => this.say({ type: "credit", id, bytes: 1000 }));
    }
  }

  say(message) {
    this.dispatchEvent(new MessageEvent("message", { data: { version: 1, ...message } }));
  }

  chunk(id, data, end = false) {
    this.say({ type: "chunk", id, end, body: data === null ? undefined : new Uint8Array(data).buffer });
  }

  id(method) {
    return this.sent.findLast((message) => message.method === method).id;
  }

  of(id, type) {
    return this.sent.filter((message) => message.id === id && message.type === type);
  }

  terminate() {}
}
globalThis.Worker = FakeWorker;

await setupMixTunnel();
const worker = FakeWorker.last;
const tunnel = await getMixTunnel();

async function connect(options) {
  const socket = await tunnel.tcpConnect({ host: "echo.test", port: 7, ...options });
  return { socket, reading: worker.id("socket.connect"), writing: worker.id("socket.write") };
}

test("what arrives, what is sent, and each half-close on its own", async () => {
  const { socket, reading, writing } = await connect();
  assert.deepEqual(worker.sent.find(({ id }) => id === reading).params, { host: "echo.test", port: 7 });
  assert.deepEqual([socket.localAddress, socket.remotePort, socket.alpn], ["10.0.0.1", 7, null]);
  const reader = socket.readable.getReader();
  worker.chunk(reading, bytes("hello"));
  assert.equal(text((await reader.read()).value), "hello");
  worker.chunk(reading, null, true);
  assert.equal((await reader.read()).done, true);
  const writer = socket.writable.getWriter();
  await writer.write(bytes("later"));
  await writer.write(new DataView(bytes("-x-").buffer, 1, 1));
  const closing = writer.close();
  await turn();
  assert.deepEqual(worker.of(writing, "chunk").map(({ body, end }) => [body && text(body), end]),
    [["later", false], ["x", false], [undefined, true]]);
  worker.say({ type: "result", id: writing, value: null, stream: false });
  await closing;
  await socket.closed;
});

test("a write waits for the worker's credit", async () => {
  const { socket, writing } = await connect();
  const writer = socket.writable.getWriter();
  await writer.write(new Uint8Array(1000));
  let isDone = false;
  const second = writer.write(new Uint8Array(10)).then(() => (isDone = true));
  await turn();
  assert.equal(isDone, false);
  worker.say({ type: "credit", id: writing, bytes: 10 });
  await second;
});

test("a connection that breaks fails both directions with the same error", async () => {
  const { socket, reading } = await connect();
  const isReset = (error) => error.code === "tcp.connection_reset";
  worker.say({ type: "error", id: reading, code: "tcp.connection_reset", message: "reset" });
  await assert.rejects(socket.readable.getReader().read(), isReset);
  await assert.rejects(socket.closed, isReset);
  await assert.rejects(socket.writable.getWriter().write(bytes("x")), isReset);
});

test("aborting the writing resets the connection", async () => {
  const { socket, writing } = await connect();
  const why = new Error("no longer wanted");
  await socket.writable.abort(why);
  await assert.rejects(socket.closed, why);
  assert.equal(worker.of(writing, "cancel").length, 1);
  await assert.rejects(socket.readable.getReader().read(), why);
});

test("a signal stops the connecting, and later resets", async () => {
  await assert.rejects(connect({ signal: AbortSignal.abort() }), { name: "AbortError" });
  const early = new AbortController();
  const pending = connect({ signal: early.signal });
  early.abort();
  await assert.rejects(pending, { name: "AbortError" });
  const later = new AbortController();
  const { socket, reading, writing } = await connect({ signal: later.signal });
  later.abort();
  await assert.rejects(socket.closed, { name: "AbortError" });
  const reset = worker.sent.findLast(({ method }) => method === "socket.reset");
  const cancels = worker.sent.slice(worker.sent.indexOf(reset)).filter(({ type }) => type === "cancel");
  assert.deepEqual(reset.params, { socket: 5 });
  assert.deepEqual(cancels.map(({ id, type }) => [id, type]), [[reading, "cancel"], [writing, "cancel"]]);
});

test("cancelling the reading lets the writing go on", async () => {
  const { socket, reading, writing } = await connect();
  await socket.readable.cancel();
  assert.equal(worker.of(reading, "cancel").length, 1);
  const writer = socket.writable.getWriter();
  await writer.write(bytes("still"));
  const closing = writer.close();
  worker.say({ type: "result", id: writing, value: null, stream: false });
  await closing;
  await socket.closed;
});

test("close() sends what was written, then ends the reading", async () => {
  const { socket, reading, writing } = await connect();
  const writer = socket.writable.getWriter();
  await writer.write(bytes("last"));
  const closing = socket.close();
  await turn();
  assert.equal(worker.of(writing, "chunk").at(-1).end, true);
  assert.equal(worker.of(reading, "cancel").length, 0);
  worker.say({ type: "result", id: writing, value: null, stream: false });
  await closing;
  await socket.closed;
  await socket.close();
  assert.equal(worker.of(reading, "cancel").length, 1);
  await assert.rejects(writer.write(bytes("x")), TunnelClosed);
  await assert.rejects(socket.readable.getReader().read(), TunnelClosed);
});

test("what is no buffer resets the connection and says so", async () => {
  const { socket, writing } = await connect();
  await assert.rejects(socket.writable.getWriter().write("text"), (error) => error instanceof InvalidArgument
    && /Uint8Array/.test(error.message));
  await assert.rejects(socket.closed, InvalidArgument);
  assert.equal(worker.of(writing, "cancel").length, 1);
});

test("arguments are checked before anything is sent", async () => {
  const before = worker.sent.length;
  for (const [options, argument] of [
    [{ host: "", port: 1 }, "host"],
    [{ host: "a b", port: 1 }, "host"],
    [{ host: "user@host", port: 1 }, "host"],
    [{ host: "x".repeat(256), port: 1 }, "host"],
    [{ host: 7, port: 1 }, "host"],
    [undefined, "host"],
    [{ host: "a", port: 0 }, "port"],
    [{ host: "a", port: 65_536 }, "port"],
    [{ host: "a", port: "80" }, "port"],
    [{ host: "a", port: 1.5 }, "port"],
    [{ host: "a", port: 1, signal: "no" }, "signal"],
    [{ host: "a", port: 1, alpn: "h2" }, "alpn"],
    [{ host: "a", port: 1, alpn: [""] }, "alpn"],
    [{ host: "a", port: 1, alpn: ["é"] }, "alpn"],
  ]) {
    await assert.rejects(tunnel.tlsConnect(options), (error) => error instanceof InvalidArgument
      && error.fields.argument === argument && error.message.startsWith(`${argument} must be `));
  }
  assert.equal(worker.sent.length, before);
  await assert.rejects(getMixTunnel(7), InvalidOption);
  await assert.rejects((await getMixTunnel("nobody")).tcpConnect({ host: "a", port: 1 }), TunnelNotSetUp);
});

test("TLS offers protocols and tells the chosen one", async () => {
  VALUE.alpn = "h2";
  const socket = await tunnel.tlsConnect({ host: "a.test", port: 443, alpn: ["h2", "http/1.1"] });
  VALUE.alpn = null;
  const { params } = worker.sent.findLast(({ method }) => method === "socket.connect");
  assert.deepEqual(params, { host: "a.test", port: 443, tls: true, alpn: ["h2", "http/1.1"] });
  assert.equal(socket.alpn, "h2");
});

function record(host, port, data) {
  return encodeRecord(1, new Uint8Array([host.length, ...bytes(host), port >> 8, port & 255, ...bytes(data)]));
}

test("datagrams cross as records", async () => {
  const socket = await tunnel.udpSocket();
  const id = worker.id("socket.udp");
  const writer = socket.writable.getWriter();
  await writer.write({ data: bytes("ping"), host: "münchen.test", port: 513 });
  const [{ body }] = worker.of(id, "chunk");
  const host = bytes("münchen.test");
  const payload = new Uint8Array([host.length, ...host, 2, 1, ...bytes("ping")]);
  assert.deepEqual(new Uint8Array(body), encodeRecord(1, payload));
  const reader = socket.readable.getReader();
  const two = [...record("192.0.2.1", 7, "one"), ...record("2001:db8::1", 65_535, "")];
  worker.chunk(id, two.slice(0, 20));
  worker.chunk(id, two.slice(20));
  const first = (await reader.read()).value;
  assert.deepEqual([text(first.data), first.host, first.port], ["one", "192.0.2.1", 7]);
  const second = (await reader.read()).value;
  assert.deepEqual([second.data.byteLength, second.host, second.port], [0, "2001:db8::1", 65_535]);
  await writer.close();
  assert.equal(worker.of(id, "chunk").at(-1).end, true);
  await socket.close();
  await socket.closed;
  assert.equal(worker.of(id, "cancel").length, 1);
});

test("what is no datagram is refused, and ends the socket", async () => {
  for (const [datagram, argument] of [
    [{ data: "text", host: "a", port: 1 }, "data"],
    [{ data: new Uint8Array(65_508), host: "a", port: 1 }, "data"],
    [{ data: new Uint8Array(1), host: "", port: 1 }, "host"],
    [{ data: new Uint8Array(1), host: "a", port: -1 }, "port"],
  ]) {
    const socket = await tunnel.udpSocket();
    const isRefused = (error) => error instanceof InvalidArgument && error.fields.argument === argument;
    await assert.rejects(socket.writable.getWriter().write(datagram), isRefused);
    await assert.rejects(socket.closed, isRefused);
  }
});

test("cancelling the reading closes a UDP socket", async () => {
  const socket = await tunnel.udpSocket();
  await socket.readable.cancel();
  await socket.closed;
  await assert.rejects(socket.writable.getWriter().write({ data: new Uint8Array(1), host: "a", port: 1 }), TunnelClosed);
});

test("statistics come again and again while there is a tunnel", async () => {
  const told = [];
  let stop;
  await new Promise((resolve) => {
    stop = onTunnelStats((stats) => told.push(stats.bytesSent) === 3 && resolve(), { intervalMs: 50 });
  });
  assert.deepEqual(told.map((count, index) => count - index), [told[0], told[0], told[0]]);
  stop();
  const { stats } = worker;
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(worker.stats, stats);
});

test("callbacks and intervals are checked", async () => {
  assert.throws(() => onTunnelState("no"), InvalidOption);
  assert.throws(() => onTunnelStats(null), InvalidOption);
  for (const intervalMs of [0, 49, "100", NaN, Infinity]) {
    assert.throws(() => onTunnelStats(() => {}, { intervalMs }), (error) => error.fields.option === "intervalMs");
  }
  assert.throws(() => onTunnelStats(() => {}, { tunnel: "" }), InvalidOption);
  await disconnectMixTunnel();
});
