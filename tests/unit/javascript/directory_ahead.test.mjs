import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { DirectoryAhead } from "../../../packages/mix_tunnel/js/directory_ahead.js";

const DIRECTORY = "https://directory.test/api";
const DESCRIBED = `${DIRECTORY}/v2/nym-nodes/described?page=0`;
const { fetch } = globalThis;
/** @type {{ url: string, options: RequestInit, answer: (value: any) => void, fail: (reason: unknown) => void }[]} */
let asked = [];

beforeEach(() => {
  asked = [];
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.fetch = (url, options) => new Promise((answer, fail) => void asked.push({ url, options, answer, fail }));
});

afterEach(() => {
  globalThis.fetch = fetch;
  mock.timers.reset();
});

const find = (url) => asked.find((each) => each.url === url);

test("an answer under way is given once, and then asked for again", async () => {
  const ahead = new DirectoryAhead();
  ahead.begin({ directoryUrl: DIRECTORY });
  assert.equal(asked.length, 6);
  find(DESCRIBED).answer("the first");
  assert.equal(await ahead.fetch(DESCRIBED, {}), "the first");
  assert.equal(asked.length, 6);
  void ahead.fetch(DESCRIBED, {});
  assert.equal(asked.length, 7);
});

test("what was not asked for is asked for as the caller says", () => {
  const options = { headers: { accept: "text/plain" } };
  void new DirectoryAhead().fetch("https://elsewhere.test/", options);
  assert.deepEqual([asked[0].url, asked[0].options], ["https://elsewhere.test/", options]);
});

test("a failure is told to who asks", async () => {
  const ahead = new DirectoryAhead();
  ahead.begin({ directoryUrl: DIRECTORY });
  find(DESCRIBED).fail(new TypeError("Failed to fetch"));
  await assert.rejects(ahead.fetch(DESCRIBED, {}), /Failed to fetch/);
});

test("who asks may give it up", () => {
  const ahead = new DirectoryAhead();
  ahead.begin({ directoryUrl: DIRECTORY });
  const patience = new AbortController();
  void ahead.fetch(DESCRIBED, { signal: patience.signal });
  patience.abort();
  assert.deepEqual(asked.filter(({ options }) => options.signal?.aborted).map(({ url }) => url), [DESCRIBED]);
});

test("what nobody wants is dropped after a while", () => {
  const ahead = new DirectoryAhead();
  ahead.begin({ directoryUrl: DIRECTORY });
  void ahead.fetch(DESCRIBED, {});
  mock.timers.tick(30_000);
  assert.equal(asked.filter(({ options }) => options.signal?.aborted).length, 5);
  assert.equal(find(DESCRIBED).options.signal?.aborted, false);
});

for (const directoryUrl of [7, "", "ftp://directory.test/", "javascript:0", "https://directory.test/?page=", "//directory.test"]) {
  test(`nothing is asked of ${directoryUrl}, which Python refuses`, () => {
    new DirectoryAhead().begin({ directoryUrl });
    assert.equal(asked.length, 0);
  });
}

test("nothing is asked for with an option that can't be valid", () => {
  for (const wrong of [{}, [{}], -1, 0.5, NaN, ""]) {
    new DirectoryAhead().begin({ directoryUrl: DIRECTORY, clientId: wrong });
    assert.equal(asked.length, 0);
  }
  new DirectoryAhead().begin({ directoryUrl: DIRECTORY, clientId: null, forceTls: false, caCertificates: ["pem"], setupTimeoutMs: 1 });
  assert.equal(asked.length, 6);
});
