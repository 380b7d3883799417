/** The memory snapshot, put into a new memory. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { fetchSnapshot, readSnapshot, Snapshot, withMemory } from "../../../packages/mix_tunnel/js/snapshot.js";
import { packSnapshot } from "../../../web/sparse_snapshot.mjs";

const PAGE = 4096;
const WASM_PAGE = 65_536;
const HEAD = 48;

/** A snapshot as Pyodide makes it, whose memory has bytes at these places. */
function whole(memoryBytes, places) {
  const bytes = new Uint8Array(HEAD + memoryBytes);
  new Uint32Array(bytes.buffer, 0, 2).set([0x706e7300, HEAD]);
  bytes.fill(7, 8, HEAD);
  places.forEach((at, index) => (bytes[HEAD + at] = (index % 255) + 1));
  return bytes;
}

const PLACES = {
  nothing: [],
  "first byte": [0],
  "last byte": [3 * WASM_PAGE - 1],
  "pages beside each other": [PAGE - 1, PAGE],
  "pages apart": [5, 9 * PAGE + 1, 9 * PAGE + 2, 30 * PAGE],
  everything: Array.from({ length: 48 }, (_, page) => page * PAGE + page),
};

/** What Pyodide does: it reads its head, and then asks for the memory, which it would write. */
function restore(snapshot) {
  assert.deepEqual([...snapshot.subarray(4, 8)], [HEAD, 0, 0, 0]);
  assert.equal(snapshot.subarray(HEAD).length, 0);
}

function read(original) {
  const snapshot = new Snapshot();
  snapshot.take(readSnapshot(packed(original)));
  return snapshot;
}

/** As base.bin has it. */
function packed(original) {
  return Uint8Array.from(packSnapshot(original)).buffer;
}

for (const [name, places] of Object.entries(PLACES)) {
  test(`a memory is restored, whatever was in it: ${name}`, () => {
    const original = whole(3 * WASM_PAGE, places);
    const snapshot = read(original);
    const memory = new WebAssembly.Memory({ initial: 1 });
    snapshot.prepare({ memory }, []);
    const bytes = new Uint8Array(memory.buffer);
    [0, 1, 6, PAGE, 11 * PAGE, 3 * WASM_PAGE - 1].forEach((at) => (bytes[at] = 99));
    restore(snapshot);
    assert.deepEqual(Buffer.from(snapshot.subarray(0, HEAD)), Buffer.from(original.subarray(0, HEAD)));
    assert.deepEqual(Buffer.from(memory.buffer), Buffer.from(original.subarray(HEAD)));
  });
}

test("pages of zeros are not shipped", () => {
  const places = [PAGE, 2 * PAGE + 1, 9 * PAGE];
  assert.ok(packSnapshot(whole(3 * WASM_PAGE, places)).length < HEAD + 3 * PAGE + 100);
});

test("what is no snapshot is refused", () => {
  const good = packed(whole(3 * WASM_PAGE, [PAGE, 9 * PAGE]));
  assert.throws(() => readSnapshot(good.slice(0, -1)), /no memory/);
  for (const number of [1, 2, 3, 5]) { // size, count, and places of the runs
    const other = good.slice();
    new Uint32Array(other, 4 * number, 1)[0] = number === 1 ? PAGE : 99 * WASM_PAGE;
    assert.throws(() => readSnapshot(other), /no memory|length/);
  }
});

test("a larger memory stays as large, and its end is zero", () => {
  const snapshot = read(whole(WASM_PAGE, [1]));
  const memory = new WebAssembly.Memory({ initial: 5 });
  snapshot.prepare({ memory }, []);
  new Uint8Array(memory.buffer)[4 * WASM_PAGE] = 1;
  restore(snapshot);
  assert.equal(memory.buffer.byteLength, 5 * WASM_PAGE);
  assert.equal(Buffer.from(memory.buffer).reduce((sum, byte) => sum + byte), 1);
});

test("before that, a memory has the module's data alone", () => {
  const places = [PAGE - 2, PAGE - 1, PAGE, 9 * PAGE, 9 * PAGE + 1];
  const memory = new WebAssembly.Memory({ initial: 1 });
  read(whole(WASM_PAGE, places)).prepare({ memory }, [[PAGE - 1, PAGE + 1], [8 * PAGE, 9 * PAGE + 1], [12 * PAGE, 13 * PAGE]]);
  const found = [...new Uint8Array(memory.buffer).entries()].filter(([, byte]) => byte !== 0);
  assert.deepEqual(found, [[PAGE - 1, 2], [PAGE, 3], [9 * PAGE, 4]]);
});

test("what was restored is kept no longer", () => {
  const snapshot = read(whole(WASM_PAGE, [10]));
  const memory = new WebAssembly.Memory({ initial: 1 });
  snapshot.prepare({ memory }, []);
  restore(snapshot);
  new Uint8Array(memory.buffer)[10] = 77;
  restore(snapshot);
  assert.equal(new Uint8Array(memory.buffer)[10], 77);
  assert.equal(snapshot.buffer.byteLength, HEAD);
});

test("the memory of a module that is loaded is made ready, and other modules are let be", async () => {
  const snapshot = new Snapshot();
  assert.ok(ArrayBuffer.isView(snapshot));
  const parts = Promise.resolve(readSnapshot(packed(whole(2 * WASM_PAGE, [WASM_PAGE + 3]))));
  // A module that exports a memory of one page, and an empty one.
  const withExport = [0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 10, 1, 6, ...Buffer.from("memory"), 2, 0];
  const empty = [0, 97, 115, 109, 1, 0, 0, 0];
  const { instantiate } = WebAssembly;
  const loaded = await withMemory(snapshot, parts, Promise.resolve([[WASM_PAGE, WASM_PAGE + 4]]), async () => {
    await WebAssembly.instantiate(Uint8Array.from(empty));
    return WebAssembly.instantiate(Uint8Array.from(withExport));
  });
  const memory = /** @type {WebAssembly.Memory} */ (loaded.instance.exports.memory);
  assert.equal(memory.buffer.byteLength, 2 * WASM_PAGE);
  assert.equal(new Uint8Array(memory.buffer)[WASM_PAGE + 3], 1);
  assert.equal(WebAssembly.instantiate, instantiate);
});

const BASE = new Uint8Array(packed(whole(WASM_PAGE, [1, 2, 3])));
const OWN = Uint8Array.of(1, 2, 3);

/** What a worker gets whose files are these, while the index tells of `BASE` and `OWN`. */
function fetchFiles(t, base, own) {
  const files = { "/base.bin": base, "/own.bin": own };
  t.mock.method(globalThis, "fetch", async ({ pathname }) => new Response(files[pathname], { headers: { "Content-Encoding": "br" } }));
  const integrityOf = (bytes) => `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
  const index = { integrity: { base: integrityOf(BASE), own: integrityOf(OWN) } };
  return fetchSnapshot(new URL("https://page.test/"), Promise.resolve(index));
}

/** @param {Uint8Array} bytes */
function changed(bytes) {
  const other = bytes.slice();
  other[other.length >> 1] ^= 1;
  return other;
}

test("a memory may be used before it is known that it is what was built", async (t) => {
  const { parts, checked, mayKeep } = await fetchFiles(t, BASE, OWN);
  assert.equal(parts.size, WASM_PAGE);
  assert.deepEqual([...parts.own], [...OWN]);
  assert.equal(mayKeep, false); // Node has nowhere to keep it
  await checked;
});

test("one that is not is told", async (t) => {
  const { checked } = await fetchFiles(t, changed(BASE), OWN);
  await assert.rejects(checked, /base\.bin cannot be fetched: what came is not what was built/);
});

test("nor is code run that is not what was built, or looked at what is no memory", async (t) => {
  await assert.rejects(fetchFiles(t, BASE, changed(OWN)), /own\.bin cannot be fetched: what came is not what was built/);
  await assert.rejects(fetchFiles(t, OWN, OWN), /base\.bin cannot be fetched: what came is not what was built/);
});
