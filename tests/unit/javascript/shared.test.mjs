// Pages that share a worker: the real ends of both sides, over real ports; the test plays Python, locks and the browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { TunnelNotShared } from "../../../packages/mix_tunnel/js/errors.js";
import {
  disconnectMixTunnel, getTunnelState, onTunnelState, preloadMixTunnel, setupMixTunnel, InvalidOption,
} from "../../../packages/mix_tunnel/js/index.js";
import { Pages } from "../../../packages/mix_tunnel/js/pages.js";
import { PythonWorker } from "../../../packages/mix_tunnel/js/python_worker.js";

/** Web Locks, exclusive and shared, that can be freed as browsers do when their holder has died. */
class Locks {
  #held = new Map();
  #queue = [];

  request(name, given, callback = given) {
    const { mode = "exclusive", ifAvailable = false } = callback === given ? {} : given;
    return new Promise((resolve, reject) => {
      const asked = { name, mode, grant: (lock) => Promise.resolve(callback(lock)).then(resolve, reject) };
      if (ifAvailable && !this.#isFree(asked)) {
        void asked.grant(null);
      } else {
        this.#queue.push(asked);
        setTimeout(() => this.#serve());
      }
    });
  }

  isHeld(name) {
    return [...this.#held.values()].some((held) => held.name === name);
  }

  free(name) {
    for (const [key, held] of this.#held) {
      if (held.name === name) {
        this.#held.delete(key);
      }
    }
    this.#serve();
  }

  #isFree({ name, mode }) {
    const others = [...this.#held.values()].filter((held) => held.name === name);
    return others.length === 0 || (mode === "shared" && others.every((held) => held.mode === "shared"));
  }

  #serve() {
    this.#queue = this.#queue.filter((asked) => {
      if (!this.#isFree(asked)) {
        return true;
      }
      const key = Symbol(asked.name);
      this.#held.set(key, asked);
      void asked.grant({ name: asked.name }).finally(() => {
        this.#held.delete(key);
        this.#serve();
      });
      return false;
    });
  }
}

const locks = new Locks();
Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
globalThis.location = new URL("https://page.test/app/index.html");

/** The browser's shared workers by URL and name, with the pages' side of the real `Pages` in each. */
class FakeSharedWorker extends EventTarget {
  static running = new Map();
  static made = [];
  static faces = [];
  static isMissing = false;
  static losesNext = false;

  constructor(url, { name, type }) {
    super();
    assert.equal(type, "module");
    FakeSharedWorker.faces.push(this);
    const key = `${url} ${name}`;
    if (FakeSharedWorker.losesNext) {
      FakeSharedWorker.losesNext = false;
      this.port = new MessageChannel().port1;
      return;
    }
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const scope = FakeSharedWorker.running.get(key) ?? FakeSharedWorker.#start(key, url, name);
    setTimeout(() => scope.onconnect?.({ ports: [port2] }));
  }

  static #start(key, url, name) {
    const scope = { name, url: String(url), onconnect: null, ports: [], served: [], ended: 0, isClosed: false };
    scope.close = () => {
      scope.isClosed = true;
      FakeSharedWorker.running.delete(key);
    };
    FakeSharedWorker.running.set(key, scope);
    FakeSharedWorker.made.push(scope);
    scope.pages = FakeSharedWorker.isMissing ? null : new Pages(scope, () => {});
    return scope;
  }

  static get last() {
    return FakeSharedWorker.made.at(-1);
  }

  /** Python has started, and answers every call with the page's number. */
  static run(scope = FakeSharedWorker.last) {
    scope.pages.serve((page) => {
      const number = scope.served.push(page);
      page.listen((head) => {
        const { id, type } = JSON.parse(head);
        if (type === "call") {
          page.post(JSON.stringify({ version: 1, type: "result", id, value: { number }, stream: false }));
        }
      });
      return async () => {
        scope.ended += 1;
        page.close();
      };
    });
  }
}
globalThis.SharedWorker = FakeSharedWorker;

/** A worker that only one page has, with a tunnel that is ready at once. */
class FakeWorker extends EventTarget {
  static last;
  asked = [];

  constructor() {
    super();
    FakeWorker.last = this;
    this.say({ type: "event", id: 0, name: "worker.ready", value: null });
  }

  postMessage(message) {
    const { type, id } = message;
    if (type === "call") {
      this.asked.push(message);
      this.say({ type: "event", id: 0, name: "tunnel.state", value: { state: "ready", step: "", steps: [], elapsedMs: 1,
        reason: null, warnings: [] } });
      this.say({ type: "result", id, value: null, stream: false });
    }
  }

  say(message) {
    setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data: { version: 1, ...message } })));
  }

  terminate() {
    this.isTerminated = true;
  }
}
globalThis.Worker = FakeWorker;

const NAME = "tunnel";
const left = () => new Error("left");

/** What a page has of a worker that it shares. */
function openPage() {
  const page = { failures: [], lock: null };
  page.worker = new PythonWorker(NAME, undefined, true, (error) => page.failures.push(error));
  page.worker.channel.on("worker.here", ({ lock }) => (page.lock = lock));
  page.number = async () => (await page.worker.channel.call("x")).value.number;
  return page;
}

const turns = async (condition) => {
  for (let turn = 0; !condition(); turn += 1) {
    assert.ok(turn < 1000, "it never came to that");
    await new Promise((resolve) => setTimeout(resolve));
  }
};

/** The browser has ended a shared worker: its locks are free then. */
function bury(scope, { lock } = {}) {
  scope.close();
  locks.free(`${scope.name} door`);
  locks.free(lock);
}

test("pages have one worker, and each a server of its own; the last one's end is the worker's", async () => {
  const [one, other] = [openPage(), openPage()];
  const answers = [one.number(), other.number()]; // what is asked before Python runs waits
  await turns(() => FakeSharedWorker.made.length === 1);
  const scope = FakeSharedWorker.last;
  assert.match(scope.url, /\/mix_tunnel\/js\/worker\.js$/);
  FakeSharedWorker.run();
  await Promise.all([one.worker.ready, other.worker.ready]);
  assert.deepEqual(new Set(await Promise.all(answers)), new Set([1, 2]));
  const third = openPage();
  await third.worker.ready;
  assert.equal(await third.number(), 3);
  assert.equal(FakeSharedWorker.made.length, 1);
  assert.equal(one.worker.warning, null);

  one.worker.stop(left());
  await assert.rejects(one.number(), /left/);
  await turns(() => scope.ended === 1);
  assert.equal(await third.number(), 3);
  other.worker.stop(left());
  await turns(() => scope.ended === 2);
  assert.equal(scope.isClosed, false);
  third.worker.stop(left());
  await turns(() => scope.isClosed);
  assert.equal(scope.ended, 3);
  assert.deepEqual([one.failures, other.failures, third.failures], [[], [], []]);
});

test("whoever comes while the worker closes gets another one", async () => {
  const closing = FakeSharedWorker.last;
  const late = openPage();
  assert.equal(locks.isHeld(`${closing.name} door`), true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(FakeSharedWorker.last, closing);
  bury(closing);
  await turns(() => FakeSharedWorker.last !== closing);
  FakeSharedWorker.run();
  await late.worker.ready;
  assert.equal(await late.number(), 1);
  late.worker.stop(left());
  await turns(() => FakeSharedWorker.last.isClosed);
  bury(FakeSharedWorker.last, late);
});

test("a worker that cannot start says so to all its pages, late ones too, and closes", async () => {
  const [one, other] = [openPage(), openPage()];
  await turns(() => FakeSharedWorker.running.size === 1);
  const scope = FakeSharedWorker.last;
  scope.pages.fail("Error: no memory");
  await assert.rejects(one.worker.ready, /could not be started: no memory;/);
  await assert.rejects(other.worker.ready, /could not be started: no memory;/);
  await turns(() => scope.isClosed);
  assert.deepEqual([one.failures.length, other.failures.length], [1, 1]);
  bury(scope, one);
});

test("a worker that dies is noticed by all its pages", async () => {
  const [one, other] = [openPage(), openPage()];
  await turns(() => FakeSharedWorker.running.size === 1);
  FakeSharedWorker.run();
  await Promise.all([one.worker.ready, other.worker.ready]);
  await turns(() => one.lock !== null && one.lock === other.lock);
  const scope = FakeSharedWorker.last;
  locks.free(one.lock);
  await turns(() => one.failures.length === 1 && other.failures.length === 1);
  assert.match(one.failures[0].message, /browser stopped it/);
  await turns(() => scope.isClosed); // it is not as dead as it seems, and sees its pages go
  bury(scope);
});

test("a worker whose script is missing is said, and the door is open again", async () => {
  FakeSharedWorker.isMissing = true;
  globalThis.fetch = async () => new Response("", { status: 404 });
  const page = openPage();
  await turns(() => FakeSharedWorker.running.size === 1);
  const scope = FakeSharedWorker.last;
  assert.equal(locks.isHeld(`${scope.name} door`), true);
  FakeSharedWorker.faces.at(-1).dispatchEvent(new Event("error"));
  await assert.rejects(page.worker.ready, /worker\.js cannot be fetched \(404\)/);
  await turns(() => !locks.isHeld(`${scope.name} door`));
  FakeSharedWorker.isMissing = false;
  bury(scope);
});

test("a page that the browser has connected to a worker that is closing knocks again", async () => {
  FakeSharedWorker.losesNext = true;
  const page = openPage();
  const answer = page.number();
  await turns(() => !FakeSharedWorker.losesNext);
  while (FakeSharedWorker.running.size === 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const scope = FakeSharedWorker.last;
  FakeSharedWorker.run();
  assert.equal(await answer, 1);
  page.worker.stop(left());
  await turns(() => scope.isClosed);
  assert.equal(scope.ended, 1);
  bury(scope, page);
});

test("a page that is over before it was connected leaves nothing behind", async () => {
  const made = FakeSharedWorker.made.length;
  const page = openPage();
  page.worker.stop(left());
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(FakeSharedWorker.made.length, made);
  assert.equal(locks.isHeld(`${NAME} 1 door`), false);
});

const forbidden = class {
  constructor() {
    throw new DOMException("cookies are off", "SecurityError");
  }
};
const withoutModules = class extends EventTarget {
  port = new MessageChannel().port1;
};
for (const [how, SharedWorker] of [["missing", undefined], ["forbidden", forbidden], ["without modules", withoutModules]]) {
  test(`where shared workers are ${how}, a page has a tunnel of its own, and a warning`, async () => {
    globalThis.SharedWorker = SharedWorker;
    const told = [];
    const stop = onTunnelState(({ state, warnings }) => told.push([state, ...warnings.map(({ code }) => code)]), how);
    await setupMixTunnel({ tunnel: how, shared: true });
    const { state, warnings } = await getTunnelState(how);
    assert.equal(state, "ready");
    assert.deepEqual(warnings.map(({ code }) => code), [TunnelNotShared.code]);
    assert.match(warnings[0].message, /tunnel of its own/);
    assert.deepEqual(told.at(-1), ["ready", TunnelNotShared.code]);
    assert.equal("shared" in FakeWorker.last.asked[0].params, false);
    await disconnectMixTunnel(how);
    assert.equal(FakeWorker.last.isTerminated, true);
    stop();
    globalThis.SharedWorker = FakeSharedWorker;
  });
}

test("a worker of the other kind is replaced, unless a tunnel is in it", async () => {
  await preloadMixTunnel({ tunnel: "kind" });
  const own = FakeWorker.last;
  const loaded = preloadMixTunnel({ tunnel: "kind", shared: true });
  await turns(() => FakeSharedWorker.running.size === 1);
  FakeSharedWorker.run();
  await loaded;
  assert.equal(own.isTerminated, true);
  const scope = FakeSharedWorker.last;
  await setupMixTunnel({ tunnel: "kind" });
  await turns(() => scope.isClosed);
  assert.notEqual(FakeWorker.last, own);
  const { length } = FakeSharedWorker.made;
  await setupMixTunnel({ tunnel: "kind", shared: true }); // which the worker would refuse
  assert.equal(FakeSharedWorker.made.length, length);
});

test("shared is true or false", async () => {
  for (const shared of ["yes", 1, null]) {
    const refused = (error) => error instanceof InvalidOption && error.fields.option === "shared"
      && error.message === "shared must be true or false";
    await assert.rejects(setupMixTunnel({ tunnel: "wrong", shared }), refused);
    await assert.rejects(preloadMixTunnel({ tunnel: "wrong", shared }), refused);
  }
});
