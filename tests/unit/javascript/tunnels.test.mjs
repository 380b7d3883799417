// The page's tunnels over workers that the test plays: names, states, failures, where the worker comes from.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callTunnel } from "../../../packages/mix_tunnel/js/facade.js";
import * as face from "../../../packages/mix_tunnel/js/index.js";

const {
  disconnectMixTunnel, getTunnelState, getTunnelStats, onTunnelState, preloadMixTunnel, setupMixTunnel,
  InvalidOption, TunnelAlreadyInitialised, TunnelNotSetUp, WorkerFailed,
} = face;

/** Locks that workers hold; they are free when the worker has ended. */
const locks = new Map();
Object.defineProperty(globalThis, "navigator", {
  value: { locks: { request: (name, granted) => new Promise((resolve) => locks.set(name, () => resolve(granted()))) } },
  configurable: true,
});
globalThis.location = new URL("https://page.test/app/index.html");

/** A worker that answers calls by `methods`. */
class FakeWorker extends EventTarget {
  static made = [];
  sent = [];
  isTerminated = false;
  methods = {
    "tunnel.setup": () => this.event("tunnel.state", state("ready")),
    "tunnel.disconnect": () => this.event("tunnel.state", state("shutdown")),
    "tunnel.state": () => state("shutdown"),
    "tunnel.stats": () => ({ bytesSent: 7 }),
  };

  constructor(url, options) {
    super();
    this.url = String(url);
    this.options = options;
    FakeWorker.made.push(this);
  }

  postMessage(message) {
    if (message.type === "call") {
      this.sent.push(message);
      setTimeout(() => this.answer(message));
    }
  }

  answer({ id, method, params }) {
    try {
      this.say({ type: "result", id, value: this.methods[method]?.(params) ?? null, stream: false });
    } catch (error) {
      this.say({ type: "error", id, ...error });
    }
  }

  say(message) {
    this.dispatchEvent(new MessageEvent("message", { data: { version: 1, ...message } }));
  }

  event(name, value) {
    this.say({ type: "event", id: 0, name, value });
  }

  terminate() {
    this.isTerminated = true;
  }

  static get last() {
    return FakeWorker.made.at(-1);
  }
}
globalThis.Worker = FakeWorker;

const state = (name) => ({ state: name, step: "", steps: [], elapsedMs: 5, reason: null });
/** As the published package has it: only the step, which that one does not tell, shows that nothing is done. */
const BEFORE_SETUP = { ...state("connecting"), elapsedMs: 0, warnings: [], directorySignatures: 0 };
const turn = () => new Promise((resolve) => setTimeout(resolve));
const answered = (response) => {
  globalThis.fetch = async () => response;
};

test("a tunnel has a worker of its own, and no worker before it is set up", async () => {
  assert.deepEqual(await getTunnelState("a"), BEFORE_SETUP);
  await disconnectMixTunnel("a");
  assert.deepEqual(await getTunnelState("a"), BEFORE_SETUP);
  assert.equal(FakeWorker.made.length, 0);
  await setupMixTunnel({ tunnel: "a", debug: true });
  const [first] = FakeWorker.made;
  assert.match(first.url, /\/mix_tunnel\/js\/worker\.js$/);
  assert.equal(first.options.type, "module");
  assert.deepEqual(first.sent[0].params, { debug: true, clientId: "a" });
  await setupMixTunnel();
  assert.equal(FakeWorker.made.length, 2);
  assert.deepEqual(FakeWorker.last.sent[0].params, {});
  assert.notEqual(first.options.name, FakeWorker.last.options.name);
  assert.deepEqual([(await getTunnelState("a")).state, (await getTunnelState()).state], ["ready", "ready"]);
  await disconnectMixTunnel("a");
  assert.deepEqual([(await getTunnelState("a")).state, (await getTunnelState()).state], ["shutdown", "ready"]);
});

test("the default tunnel's worker stays when it is disconnected, another one ends", async () => {
  await setupMixTunnel({ tunnel: "b" });
  const named = FakeWorker.last;
  await disconnectMixTunnel("b");
  await disconnectMixTunnel("b");
  assert.equal(named.isTerminated, true);
  await setupMixTunnel({ tunnel: "c" });
  await disconnectMixTunnel();
  assert.equal(FakeWorker.made.filter((worker) => !worker.isTerminated).length, 2);
  await setupMixTunnel();
  assert.equal(FakeWorker.last.sent[0].params.clientId, "c");
});

test("calls go to the tunnel of the name, and fail at once where there is none", async () => {
  await setupMixTunnel({ tunnel: "d" });
  assert.deepEqual(await getTunnelStats("d"), { bytesSent: 7 });
  const { value } = await callTunnel("tunnel.stats", {}, { tunnel: "d" });
  assert.deepEqual(value, { bytesSent: 7 });
  const made = FakeWorker.made.length;
  await assert.rejects(callTunnel("fetch.start", {}, { tunnel: "nobody" }), TunnelNotSetUp);
  await assert.rejects(getTunnelStats("nobody"), TunnelNotSetUp);
  let cancelled;
  const upload = new ReadableStream({ cancel: (reason) => void (cancelled = reason) });
  await assert.rejects(callTunnel("fetch.start", {}, { tunnel: "nobody", upload }), TunnelNotSetUp);
  assert.equal(cancelled instanceof TunnelNotSetUp, true);
  assert.equal(FakeWorker.made.length, made);
});

test("a name is a text", async () => {
  for (const tunnel of ["", "x".repeat(65), 7, null, {}]) {
    const refused = (error) => error instanceof InvalidOption && error.fields.option === "tunnel"
      && error.message === "tunnel must be a text of 1 to 64 characters";
    await assert.rejects(setupMixTunnel({ tunnel }), refused);
    await assert.rejects(getTunnelState(tunnel), refused);
    await assert.rejects(callTunnel("x", {}, { tunnel }), refused);
    assert.throws(() => onTunnelState(() => {}, tunnel), refused);
  }
});

test("a second set-up is refused in the published words, and changes no state", async () => {
  await setupMixTunnel({ tunnel: "e" });
  const worker = FakeWorker.last;
  worker.event("worker.ready", null);
  worker.methods["tunnel.setup"] = () => {
    throw { code: "tunnel.already_initialised", message: "tunnel already initialised" };
  };
  worker.methods["tunnel.state"] = () => state("ready");
  const states = [];
  onTunnelState(({ state: name }) => states.push(name), "e");
  await assert.rejects(setupMixTunnel({ tunnel: "e" }), (error) => error instanceof TunnelAlreadyInitialised
    && error.message === "tunnel already initialised");
  assert.deepEqual(states, []);
});

test("states are pushed to every listener, one's fault is not another's", async () => {
  const faults = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => faults.push(error.message));
  const told = [];
  onTunnelState(() => {
    throw new Error("the listener's own");
  }, "f");
  const stop = onTunnelState(({ state: name, step }) => told.push(`${name} ${step}`), "f");
  assert.deepEqual(told, []);
  await setupMixTunnel({ tunnel: "f" });
  stop();
  await disconnectMixTunnel("f");
  await turn();
  process.removeAllListeners("uncaughtException");
  listeners.forEach((listener) => process.on("uncaughtException", listener));
  assert.deepEqual(told, ["connecting starting Python in a worker", "ready "]);
  assert.deepEqual([...new Set(faults)], ["the listener's own"]);
});

test("the wait for the worker is the first step of connecting", async () => {
  const states = [];
  onTunnelState((told) => states.push(told), "g");
  const made = FakeWorker.made.length;
  const setup = setupMixTunnel({ tunnel: "g" });
  assert.equal(FakeWorker.made.length, made + 1);
  FakeWorker.last.event("worker.ready", null);
  await setup;
  const [, ready] = states;
  assert.equal(ready.steps[0].step, "starting_worker");
  assert.equal(ready.elapsedMs, 5 + ready.steps[0].elapsedMs);
});

test("a worker that was loaded before costs no step, and no state", async () => {
  const states = [];
  onTunnelState((told) => states.push(told), "h");
  const loaded = preloadMixTunnel({ tunnel: "h" });
  const worker = FakeWorker.last;
  worker.event("worker.ready", null);
  await loaded;
  await preloadMixTunnel({ tunnel: "h" });
  assert.deepEqual(states, []);
  await setupMixTunnel({ tunnel: "h" });
  assert.equal(FakeWorker.last, worker);
  assert.deepEqual(states.map(({ steps }) => steps), [[]]);
});

test("assetsUrl is a folder of the page's origin", async () => {
  for (const [given, url] of [
    ["/mix-tunnel", "https://page.test/mix-tunnel/worker.js"],
    ["lib/", "https://page.test/app/lib/worker.js"],
    [new URL("https://page.test/x/"), "https://page.test/x/worker.js"],
  ]) {
    await setupMixTunnel({ tunnel: "i", assetsUrl: given });
    assert.equal(FakeWorker.last.url, url);
    assert.equal("assetsUrl" in FakeWorker.last.sent[0].params, false);
    await disconnectMixTunnel("i");
  }
  const made = FakeWorker.made.length;
  for (const given of ["https://cdn.test/mix-tunnel/", "data:text/javascript,1", "/x/?a", "/x/#a", 7, null, "http://"]) {
    await assert.rejects(setupMixTunnel({ tunnel: "i", assetsUrl: given }), (error) => error instanceof InvalidOption
      && error.fields.option === "assetsUrl");
    await assert.rejects(preloadMixTunnel({ tunnel: "i", assetsUrl: given }), InvalidOption);
  }
  assert.equal(FakeWorker.made.length, made);
});

for (const [name, answer, sentence] of [
  ["missing", new Response("", { status: 404 }), /worker\.js cannot be fetched \(404\); .*assetsUrl/],
  ["a page in its place", new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    /served as text\/html, which is not JavaScript/],
  ["refused", new Response("1", { headers: { "content-type": "text/javascript" } }), /Content-Security-Policy/],
]) {
  test(`a worker's script that is ${name}`, async () => {
    answered(answer);
    const setup = setupMixTunnel({ tunnel: "j" });
    FakeWorker.last.dispatchEvent(new Event("error"));
    await assert.rejects(setup, (error) => error instanceof WorkerFailed && error.code === "worker.failed"
      && error.retryable && sentence.test(error.message));
    const { state: now, reason } = await getTunnelState("j");
    assert.deepEqual([now, reason.kind, reason.code], ["failed", "task_panicked", "worker.failed"]);
    await setupMixTunnel({ tunnel: "j" });
    assert.equal((await getTunnelState("j")).state, "ready");
    await disconnectMixTunnel("j");
  });
}

test("what Python's start says is told without the page's address", async () => {
  const setup = setupMixTunnel({ tunnel: "k" });
  const reason = "TypeError: Failed to fetch dynamically imported module: https://page.test/x/pyodide/pyodide.mjs";
  FakeWorker.last.event("worker.failed", { reason });
  await assert.rejects(setup, (error) => error instanceof WorkerFailed && /module: pyodide\.mjs;/.test(error.message)
    && !error.message.includes("page.test"));
});

test("a failed preload rejects, and the tunnel's state stays", async () => {
  const loaded = preloadMixTunnel({ tunnel: "l" });
  FakeWorker.last.event("worker.failed", { reason: "Error: no memory" });
  await assert.rejects(loaded, /could not be started: no memory;/);
  assert.deepEqual(await getTunnelState("l"), BEFORE_SETUP);
  await setupMixTunnel({ tunnel: "l" });
});

test("after a first set-up that was refused the state is again that of before, and is told", async () => {
  const told = [];
  onTunnelState((now) => told.push(now), "refused");
  const setup = setupMixTunnel({ tunnel: "refused", maxRedirects: -1 });
  const worker = FakeWorker.last;
  worker.methods["tunnel.state"] = () => BEFORE_SETUP;
  worker.methods["tunnel.setup"] = () => {
    throw { code: "tunnel.invalid_option", message: "", fields: {}, retryable: false };
  };
  await assert.rejects(setup, InvalidOption);
  assert.deepEqual(await getTunnelState("refused"), BEFORE_SETUP);
  assert.deepEqual(told.map(({ step }) => step), ["starting Python in a worker", ""]);
  worker.event("worker.failed", { reason: "Error: out of memory" });
  assert.deepEqual(await getTunnelState("refused"), BEFORE_SETUP); // there was no tunnel to fail
});

test("a worker that dies silently is noticed, and the next set-up works", async () => {
  const setup = setupMixTunnel({ tunnel: "m" });
  const worker = FakeWorker.last;
  worker.event("worker.here", { lock: "its lock" });
  worker.event("worker.ready", null);
  await setup;
  worker.answer = () => {}; // it will never answer again
  const pending = callTunnel("fetch.start", {}, { tunnel: "m" });
  locks.get("its lock")();
  await assert.rejects(pending, (error) => error instanceof WorkerFailed && /browser stopped it/.test(error.message));
  assert.equal((await getTunnelState("m")).state, "failed");
  await assert.rejects(callTunnel("fetch.start", {}, { tunnel: "m" }), TunnelNotSetUp);
  await setupMixTunnel({ tunnel: "m" });
  assert.notEqual(FakeWorker.last, worker);
});

test("a worker that was ended on purpose is no failure", async () => {
  const setup = setupMixTunnel({ tunnel: "n" });
  const worker = FakeWorker.last;
  worker.event("worker.here", { lock: "its lock" });
  worker.event("worker.ready", null);
  await setup;
  await disconnectMixTunnel("n");
  locks.get("its lock")();
  await turn();
  assert.equal((await getTunnelState("n")).state, "shutdown");
});

test("an error in a running worker fails what is open", async () => {
  const setup = setupMixTunnel({ tunnel: "o" });
  const worker = FakeWorker.last;
  worker.event("worker.ready", null);
  await setup;
  const error = Object.assign(new Event("error"), { message: "Uncaught Error: out of memory" });
  worker.answer = () => {};
  const pending = getTunnelStats("o");
  worker.dispatchEvent(error);
  await assert.rejects(pending, /worker has failed: out of memory; set the tunnel up again/);
  assert.equal(worker.isTerminated, true);
});

test("everything that the published package exports is here", () => {
  for (const name of ["setupMixTunnel", "disconnectMixTunnel", "getTunnelState"]) {
    assert.equal(typeof face[name], "function", name);
  }
  assert.equal(face.EventKinds.Loaded, "Loaded");
});

test("every option reaches the worker, which refuses what JSON has no word for", async () => {
  const circle = {};
  circle.self = circle;
  const wrong = { maxRedirects: NaN, dnsTimeoutMs: -Infinity, debug: () => true, clientId: 5n, primaryDns: Symbol("x"),
    dnsServers: ["9.9.9.9", () => ""], caCertificates: circle };
  await setupMixTunnel({ tunnel: "wrong", forceTls: false, cookies: undefined, preferredIpr: null, ...wrong });
  const { params } = FakeWorker.last.sent.find(({ method }) => method === "tunnel.setup");
  assert.deepEqual(params, { forceTls: false, cookies: null, preferredIpr: null, maxRedirects: {}, dnsTimeoutMs: {},
    debug: {}, clientId: {}, primaryDns: {}, dnsServers: ["9.9.9.9", {}], caCertificates: {} });
});

test("options are an object", async () => {
  for (const given of [null, "work", 7, () => {}]) {
    await assert.rejects(setupMixTunnel(given), { code: "tunnel.invalid_option", message: "options must be an object" });
  }
});
