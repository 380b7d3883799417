// What mix-dns makes of its arguments, what it sends to the worker, and what it gives back.
import "./packages.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const dns = await import("mix-dns");
const { BadLookupOption, MixError, NameNotFound, TunnelNotSetUp } = await import("mix-tunnel/errors.js");

const ANSWER = { name: "a.test", type: "MX", canonicalName: "a.test", server: "192.0.2.53", transport: "udp",
  fromCache: false, elapsedMs: 1, records: [{ type: "MX", ttl: 60, text: "1 b.test.", data: {} }] };

/** Calls that reached the worker: method and parameters. */
const calls = [];

/** A worker whose tunnel is always ready; it knows the answers of one name. */
class FakeWorker extends EventTarget {
  constructor() {
    super();
    queueMicrotask(() => this.#send({ type: "event", name: "worker.ready", value: {} }));
  }

  postMessage({ type, id, method, params }) {
    if (type === "cancel") {
      calls.push(["cancel"]);
    }
    if (type !== "call") {
      return;
    }
    calls.push([method, params]);
    if (params.name === "silent.test") {
      return;
    }
    if (params.name === "missing.test") {
      const { code } = NameNotFound;
      queueMicrotask(() => this.#send({ type: "error", id, code, message: "no", fields: {}, retryable: false }));
      return;
    }
    const value = { "dns.lookup": "192.0.2.1", "dns.resolve": ANSWER, "dns.reverse": ANSWER }[method] ?? null;
    queueMicrotask(() => this.#send({ type: "result", id, value, stream: false }));
  }

  terminate() {}

  #send(message) {
    this.dispatchEvent(new MessageEvent("message", { data: { version: 1, ...message } }));
  }
}

globalThis.location = new URL("https://page.test/");

test("nothing is asked before a tunnel is set up", async () => {
  await assert.rejects(dns.mixDNS("a.test"), TunnelNotSetUp);
  await assert.rejects(dns.clearDnsCache(), TunnelNotSetUp);
});

test("calls", async (suite) => {
  globalThis.Worker = FakeWorker;
  await dns.setupMixTunnel();

  /** What a promise's call sent. */
  const sent = async (promise) => {
    await promise;
    return calls.at(-1);
  };

  await suite.test("an address", async () => {
    assert.equal(await dns.mixDNS("a.test"), "192.0.2.1");
    assert.deepEqual(await sent(dns.mixDNS("a.test")), ["dns.lookup", { name: "a.test" }]);
    assert.deepEqual(await sent(dns.mixDNS("a.test", { timeoutMs: 5 })), ["dns.lookup", { name: "a.test", timeoutMs: 5 }]);
  });

  await suite.test("records", async () => {
    assert.deepEqual(await dns.resolve("a.test", "MX"), ANSWER);
    assert.deepEqual(await sent(dns.resolve("a.test")), ["dns.resolve", { name: "a.test", type: "A" }]);
    const options = { timeoutMs: 1.5, cache: false, signal: undefined, tunnel: null };
    assert.deepEqual(await sent(dns.resolve("a.test", "mx", options)),
      ["dns.resolve", { name: "a.test", type: "mx", timeoutMs: 1.5, cache: false }]);
  });

  await suite.test("names of an address", async () => {
    assert.deepEqual(await sent(dns.reverse("192.0.2.1", { cache: true })),
      ["dns.reverse", { ip: "192.0.2.1", cache: true }]);
  });

  await suite.test("forgetting", async () => {
    assert.deepEqual(await sent(dns.clearDnsCache()), ["dns.clear", {}]);
    await assert.rejects(dns.clearDnsCache({ tunnel: "another" }), TunnelNotSetUp);
  });

  await suite.test("wrong arguments are refused by name, and nothing is sent", async () => {
    calls.length = 0;
    const wrong = [
      [dns.mixDNS(), "hostname"],
      [dns.mixDNS(7), "hostname"],
      [dns.mixDNS(new URL("https://a.test/")), "hostname"],
      [dns.resolve(null), "name"],
      [dns.resolve("a.test", 1), "type"],
      [dns.resolve("a.test", null), "type"],
      [dns.reverse({}), "ip"],
      [dns.resolve("a.test", "A", 5), "options"],
      [dns.resolve("a.test", "A", { timeout: 5 }), "options"],
      [dns.resolve("a.test", "A", { timeoutMs: "5" }), "timeoutMs"],
      [dns.resolve("a.test", "A", { timeoutMs: 0 }), "timeoutMs"],
      [dns.resolve("a.test", "A", { timeoutMs: NaN }), "timeoutMs"],
      [dns.resolve("a.test", "A", { timeoutMs: 3_600_001 }), "timeoutMs"],
      [dns.resolve("a.test", "A", { cache: 1 }), "cache"],
      [dns.resolve("a.test", "A", { signal: {} }), "signal"],
      [dns.resolve("a.test", "A", { tunnel: "" }), "tunnel"],
      [dns.clearDnsCache({ tunnel: 5 }), "tunnel"],
    ];
    for (const [promise, option] of wrong) {
      await assert.rejects(promise, (error) => {
        assert.ok(error instanceof BadLookupOption && error instanceof TypeError);
        assert.equal(error.fields.option, option);
        assert.ok(error.message.includes(option) && error.message.includes(error.fields.allowed));
        return true;
      });
    }
    assert.deepEqual(calls, []);
  });

  await suite.test("the worker's errors have their class", async () => {
    await assert.rejects(dns.mixDNS("missing.test"), (error) => error instanceof NameNotFound && error instanceof MixError);
  });

  await suite.test("giving up", async () => {
    await assert.rejects(dns.mixDNS("a.test", { signal: AbortSignal.abort() }), { name: "AbortError" });
    const controller = new AbortController();
    const pending = dns.resolve("silent.test", "A", { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("my reason")), 0);
    await assert.rejects(pending, /my reason/);
    assert.deepEqual(calls.at(-1), ["cancel"]);
  });
});

test("what the published package exports is here too", () => {
  for (const name of ["mixDNS", "setupMixTunnel", "disconnectMixTunnel", "getTunnelState"]) {
    assert.equal(typeof dns[name], "function");
  }
  assert.ok(!("proxy" in dns));
});
