// When a page lets the browser keep Python's memory.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { MemoryKeeping } from "../../../packages/mix_tunnel/js/memory_keeping.js";

const QUIET_MS = 5000;
const URL_ = new URL("https://page.test/mix-tunnel/memory_keeper.js");

class FakeWorker extends EventTarget {
  static all = [];
  isOver = false;

  constructor(url, options) {
    super();
    this.url = url;
    this.options = options;
    FakeWorker.all.push(this);
  }

  terminate() {
    this.isOver = true;
  }
}

/** A page of which the test says how long it has been quiet; and whether another page holds the lock. */
function open({ navigator = {}, document } = {}) {
  mock.timers.enable({ apis: ["setTimeout"] });
  FakeWorker.all = [];
  const page = { quietMs: Infinity, isTaken: false, held: null, document };
  const request = async (name, _options, hold) => (page.held = hold(page.isTaken ? null : { name }));
  const globals = { navigator: { locks: { request }, ...navigator }, document, Worker: FakeWorker };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  page.keeping = new MemoryKeeping(URL_, () => page.quietMs);
  page.keeping.begin();
  return page;
}

function visit(name, options, body) {
  test(name, async () => {
    try {
      await body(open(options));
    } finally {
      mock.timers.reset();
    }
  });
}

visit("a quiet page starts a worker for it, which is ended when it is done", {}, async (page) => {
  mock.timers.tick(QUIET_MS - 1);
  assert.deepEqual(FakeWorker.all, []);
  mock.timers.tick(1);
  const [worker] = FakeWorker.all;
  assert.equal(worker.url, URL_);
  assert.equal(worker.options.type, "module");
  worker.dispatchEvent(new MessageEvent("message"));
  await page.held; // the lock is given back
  assert.equal(worker.isOver, true);
  mock.timers.tick(10 * QUIET_MS);
  assert.equal(FakeWorker.all.length, 1);
});

visit("what happens meanwhile puts it off", {}, (page) => {
  page.quietMs = 2000;
  mock.timers.tick(QUIET_MS);
  page.quietMs = QUIET_MS;
  mock.timers.tick(QUIET_MS - 2001);
  assert.deepEqual(FakeWorker.all, []);
  mock.timers.tick(1);
  assert.equal(FakeWorker.all.length, 1);
});

visit("a page that nobody looks at waits until somebody does", { document: { hidden: true } }, (page) => {
  mock.timers.tick(3 * QUIET_MS);
  assert.deepEqual(FakeWorker.all, []);
  page.document.hidden = false;
  mock.timers.tick(QUIET_MS);
  assert.equal(FakeWorker.all.length, 1);
});

for (const navigator of [{ connection: { saveData: true } }, { deviceMemory: 2 }]) {
  visit(`nothing is kept where little is to be used: ${JSON.stringify(navigator)}`, { navigator }, () => {
    mock.timers.tick(10 * QUIET_MS);
    assert.deepEqual(FakeWorker.all, []);
  });
}

visit("one page does it at a time", {}, (page) => {
  page.isTaken = true;
  mock.timers.tick(QUIET_MS);
  assert.deepEqual(FakeWorker.all, []);
});

visit("a worker that can't be started is no fault of the page's", {}, async (page) => {
  mock.timers.tick(QUIET_MS);
  const event = new Event("error", { cancelable: true });
  FakeWorker.all[0].dispatchEvent(event);
  await page.held;
  assert.equal(event.defaultPrevented, true);
});

visit("a tunnel's end is its end", {}, async (page) => {
  page.keeping.end();
  mock.timers.tick(10 * QUIET_MS);
  assert.deepEqual(FakeWorker.all, []);
  page.keeping.begin();
  mock.timers.tick(QUIET_MS);
  page.keeping.end();
  await page.held;
  assert.equal(FakeWorker.all[0].isOver, true);
});
