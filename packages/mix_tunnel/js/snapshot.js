/**
 * Python's memory after its start, with our modules imported, that a worker starts from in a third of the time.
 *
 * Most of it are pages of zeros. A new memory has these already, and what of it nobody writes to takes no memory of the
 * machine.
 */
import { checkIntegrity, fetchPacked } from "./files.js";
import { openMemories } from "./kept_memory.js";

/** @import { Index } from "./site_packages.js" */
/**
 * A stretch of the memory that is not zero: its place there, how long it is, and where a content has it. All in bytes.
 * @typedef {[start: number, length: number, at: number]} Run
 */
/**
 * @typedef {object} Parts of a snapshot
 * @property {Uint8Array<ArrayBuffer>} head what comes before the memory: references to JavaScript
 * @property {number} size of the memory in bytes
 * @property {Run[]} runs in the order of their places, which are beginnings of pages
 * @property {Uint8Array<ArrayBuffer>} content
 * @property {Uint8Array | null} [own] bytecode that imports our modules, if the memory lacks them
 */
/**
 * What is used of Pyodide's core; objects are addresses.
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   malloc: (size: number) => number,
 *   free: (address: number) => void,
 *   PyMarshal_ReadObjectFromString: (address: number, size: number) => number,
 *   PyDict_New: () => number,
 *   PyEval_EvalCode: (code: number, globals: number, locals: number) => number,
 *   PyErr_Print: () => void,
 *   Py_DecRef: (object: number) => void,
 * }} CoreExports
 */

const WASM_PAGE_BYTES = 65_536;
const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;

/** Of base.bin: how long the head is, how large the memory is, and how many runs there are. */
const FIRST_NUMBERS = 3;

/**
 * The memory that this browser has kept; otherwise that of base.bin, in which only what others wrote has been imported, and
 * own.bin, the bytecode that imports our modules.
 *
 * @param {URL} folder where they are
 * @param {Promise<Index>} index
 * @returns {Promise<{ parts: Parts, checked: Promise<void>, mayKeep: boolean }>} checked -- rejects unless it is what was
 *   built; mayKeep -- whether the browser could keep it, and has not
 */
export async function fetchSnapshot(folder, index) {
  // Asked for at once, since to look whether it is kept takes as long as half a round trip.
  const abort = new AbortController();
  const loading = loadSnapshot(folder, index, { signal: abort.signal });
  loading.catch(() => {}); // told below
  const store = await openMemories();
  if (store === null || !store.isUsed) {
    return { ...await loading, mayKeep: store !== null };
  }
  abort.abort();
  const kept = await store.read(keyOf(await index));
  return kept ? { ...kept, mayKeep: false } : { ...await loadSnapshot(folder, index), mayKeep: true };
}

/** What is kept under a name of its own. @param {Index} index */
export function keyOf({ integrity: { base, own } }) {
  return `${base} ${own}`;
}

/**
 * The memory may be used while its hash is still being computed, but nobody served: a tenth of its loading would be that.
 *
 * @param {URL} folder
 * @param {Promise<Index>} index
 * @param {RequestInit} [options] of fetching
 * @returns {Promise<{ parts: Parts, checked: Promise<void> }>} checked -- rejects if it is not what was built
 */
export async function loadSnapshot(folder, index, options) {
  const urls = ["base.bin", "own.bin"].map((name) => new URL(name, folder));
  const [base, own] = urls;
  const load = async (/** @type {URL} */ url) => (await fetchPacked(url, options)).arrayBuffer();
  const coming = /** @type {[Promise<ArrayBuffer>, Promise<ArrayBuffer>]} */ (urls.map(load));
  const [content, code, { integrity }] = await Promise.all([...coming, index]);
  await checkIntegrity(code, integrity.own, /** @type {URL} */ (own));
  const checked = checkIntegrity(content, integrity.base, /** @type {URL} */ (base));
  checked.catch(() => {}); // told to who waits for it
  try {
    return { parts: { ...readSnapshot(content), own: new Uint8Array(code) }, checked };
  } catch (error) {
    await checked; // which says more
    throw error;
  }
}

/**
 * The parts of base.bin. Throws for what is none.
 *
 * @param {ArrayBuffer} buffer what `web/sparse_snapshot.mjs` made: numbers, the head, and all runs one after the other
 * @returns {Parts}
 */
export function readSnapshot(buffer) {
  const [length = 0, size = 0, count = 0] = new Uint32Array(buffer, 0, FIRST_NUMBERS);
  const places = new Uint32Array(buffer, 4 * FIRST_NUMBERS, 2 * count);
  const start = 4 * (FIRST_NUMBERS + places.length);
  let at = start + length;
  let last = 0;
  /** @type {Run[]} */
  const runs = [];
  for (let index = 0; index < places.length; index += 2) {
    const [place = 0, bytes = 0] = places.subarray(index, index + 2);
    if (place < last) {
      throw new Error("base.bin is no memory");
    }
    runs.push([place, bytes, at]);
    at += bytes;
    last = place + bytes;
  }
  if (at !== buffer.byteLength || last > size) {
    throw new Error("base.bin is no memory");
  }
  return { head: new Uint8Array(buffer.slice(start, start + length)), size, runs, content: new Uint8Array(buffer) };
}

/**
 * A snapshot as Pyodide's loader takes it: something like an array of the bytes before the memory. When it restores, it asks
 * for those behind them, and is told that there are none, for they are in their place already.
 *
 * The loader wants it before anything else, but looks into it only when its module runs: so it is empty at first, and the
 * module is compiled meanwhile. It is kept for good, too: so all it has in the end is those bytes.
 *
 * Our modules are imported in that moment, before Python does anything else: so what they make of the memory depends on
 * nothing but the files, has no secret in it, and can be kept.
 *
 * @extends {DataView<ArrayBuffer>}
 */
export class Snapshot extends DataView {
  #head = new Uint8Array(0);
  /** @type {Parts | null} what the memory is to hold */
  #parts = null;
  /** @type {CoreExports | null} */
  #core = null;
  #onImported;
  length = 0;

  /**
   * @param {((memory: ArrayBuffer, parts: Parts) => void) | null} onImported is told when the memory has all our modules;
   *   without it, only those are imported that a page waits for
   */
  constructor(onImported = null) {
    super(new ArrayBuffer(0));
    this.#onImported = onImported;
  }

  get buffer() {
    return this.#head.buffer;
  }

  get byteOffset() {
    return this.#head.byteOffset;
  }

  get byteLength() {
    return this.#head.byteLength;
  }

  /**
   * Now it is there.
   * @param {Parts} parts
   */
  take(parts) {
    this.#head = parts.head.slice();
    this.#parts = parts;
  }

  /**
   * Make a new memory large enough, and put the module's data into it.
   *
   * @param {CoreExports} core whose memory is restored later
   * @param {[start: number, end: number][]} data where the snapshot has it
   */
  prepare(core, data) {
    if (this.#parts === null) {
      return;
    }
    const { memory } = core;
    const { size, runs, content } = this.#parts;
    const missing = size - memory.buffer.byteLength;
    if (missing > 0) {
      memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    }
    const target = new Uint8Array(memory.buffer);
    for (const [from, to] of data) {
      for (const [place, length, at] of runs) {
        const begin = Math.max(from, place);
        const end = Math.min(to, place + length);
        if (begin < end) {
          target.set(content.subarray(at + begin - place, at + end - place), begin);
        }
      }
    }
    this.#core = core;
  }

  /**
   * @param {number} [begin]
   * @param {number} [end]
   */
  subarray(begin, end) {
    const [core, parts] = [this.#core, this.#parts];
    if (end === undefined && parts && core) {
      this.#core = this.#parts = null;
      restore(core.memory, parts);
      if (parts.own) {
        importOwn(core, parts.own, this.#onImported ? 2 : 1);
      }
      this.#onImported?.(core.memory.buffer, parts);
      // A worker that is busy with its start collects no garbage.
      /** @type {any} */ (parts.content.buffer).transfer?.(0);
    }
    return this.#head.subarray(begin, end);
  }
}

/**
 * Import modules of ours in a Python that was restored and has not gone on yet.
 *
 * @param {CoreExports} core
 * @param {Uint8Array} own
 * @param {number} times the first time those that a page waits for, the second time all others
 */
function importOwn(core, own, times) {
  const address = core.malloc(own.length);
  new Uint8Array(core.memory.buffer).set(own, address);
  const code = core.PyMarshal_ReadObjectFromString(address, own.length);
  core.free(address);
  const names = core.PyDict_New();
  for (let time = 0; time < times; time += 1) {
    const result = code && core.PyEval_EvalCode(code, names, names);
    if (result === 0) {
      core.PyErr_Print();
      throw new Error("the tunnel's Python modules cannot be imported");
    }
    core.Py_DecRef(result);
  }
  [names, code].forEach((object) => core.Py_DecRef(object));
}

/**
 * Give a memory this content, and zeros elsewhere, without writing zeros to where they are.
 *
 * @param {WebAssembly.Memory} memory
 * @param {Parts} parts
 */
function restore({ buffer }, { runs, content }) {
  const bytes = new Uint8Array(buffer);
  const words = new Int32Array(buffer);
  let done = 0;
  for (const [start, length, at] of runs) {
    clear(words, done, start);
    bytes.set(content.subarray(at, at + length), start);
    done = start + length;
  }
  clear(words, done, buffer.byteLength);
}

/**
 * @param {Int32Array} words
 * @param {number} from in bytes, as `to`
 * @param {number} to
 */
function clear(words, from, to) {
  for (let start = from / 4; start < to / 4; start += PAGE_WORDS) {
    const end = Math.min(start + PAGE_WORDS, to / 4);
    if (!isZero(words, start, end)) {
      words.fill(0, start, end);
    }
  }
}

/**
 * Pages that are not zero.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Run[]}
 */
export function findRuns(buffer) {
  const words = new Int32Array(buffer);
  /** @type {Run[]} */
  const runs = [];
  let last = /** @type {Run} */ ([0, 0, 0]);
  for (let start = 0; start < words.length; start += PAGE_WORDS) {
    const end = Math.min(start + PAGE_WORDS, words.length);
    if (!isZero(words, start, end)) {
      if (last[1] === 0 || last[0] + last[1] !== 4 * start) {
        last = [4 * start, 0, 4 * start];
        runs.push(last);
      }
      last[1] += 4 * (end - start);
    }
  }
  return runs;
}

/**
 * @param {Int32Array} words
 * @param {number} start
 * @param {number} end
 */
function isZero(words, start, end) {
  let at = start;
  while (at < end && words[at] === 0) {
    at += 1;
  }
  return at >= end;
}

/**
 * Run `load` so that the WebAssembly memory made by it has room for the snapshot. Pyodide restores a snapshot into the
 * memory that its module declares, and fails when importing had made it grow. It does so after its constructors have run,
 * and those need the module's data, which came with the snapshot. Where there comes none, `load` waits for ever.
 *
 * @template T
 * @param {Snapshot} snapshot
 * @param {Promise<Parts>} parts of it
 * @param {Promise<[start: number, end: number][]>} data where it has data of the module
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function withMemory(snapshot, parts, data, load) {
  const { instantiate, instantiateStreaming } = WebAssembly;
  const ready = Promise.all([parts, data]).then(([known, ranges]) => {
    snapshot.take(known);
    return ranges;
  });
  /** @param {any} result what either function gives: an instance, or an object that has one */
  const prepare = async (result) => {
    const { exports } = result.instance ?? result;
    if (exports.memory instanceof WebAssembly.Memory) {
      snapshot.prepare(exports, await ready.catch(() => new Promise(() => {})));
    }
    return result;
  };
  /** @type {any} */
  const api = WebAssembly;
  api.instantiate = async (/** @type {[any, any]} */ ...args) => prepare(await instantiate(...args));
  api.instantiateStreaming = async (/** @type {[any, any]} */ ...args) => prepare(await instantiateStreaming(...args));
  try {
    return await load();
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming });
  }
}
