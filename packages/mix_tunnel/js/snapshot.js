/**
 * Python's memory after its start, with our modules imported, that a worker starts from in a third of the time.
 *
 * Two fifths of it are pages of zeros. A new memory has these already, and what of it nobody writes to takes no memory of
 * the machine.
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
 * @property {boolean} [isKept] whether the memory with our modules is wanted, too; otherwise the content is gone with the import
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

/** Where a snapshot says at which of its bytes the memory begins. */
const MEMORY_START = 1;

/**
 * The memory that this browser has kept; otherwise that of base.bin, in which only what others wrote has been imported, and
 * own.bin, the bytecode that imports our modules.
 *
 * @param {URL} folder where they are
 * @param {Promise<Index>} index
 * @returns {Promise<{ parts: Parts, checked: Promise<boolean>, keep: (() => Promise<void>) | null }>} checked -- whether it
 *   is what it was when it was kept; keep -- lets the browser keep it, if it was loaded
 */
export async function fetchSnapshot(folder, index) {
  const store = await openMemories();
  const load = () => loadSnapshot(folder, index, store !== null);
  const loading = store?.isUsed ? null : load();
  loading?.catch(() => {}); // told below
  const { base, own } = (await index).integrity;
  const key = `${base} ${own}`;
  const kept = await store?.read(key);
  if (kept) {
    return { ...kept, keep: null };
  }
  const parts = await (loading ?? load());
  return { parts, checked: Promise.resolve(true), keep: store && (() => store.keep(key, parts)) };
}

/**
 * @param {URL} folder
 * @param {Promise<Index>} index
 * @param {boolean} isKept
 * @returns {Promise<Parts>}
 */
async function loadSnapshot(folder, index, isKept) {
  const [base, own] = await Promise.all(/** @type {const} */ (["base", "own"]).map(async (name) => {
    const url = new URL(`${name}.bin`, folder);
    const content = await (await fetchPacked(url)).arrayBuffer();
    await checkIntegrity(content, (await index).integrity[name], url);
    return content;
  }));
  return {
    ...readSnapshot(/** @type {ArrayBuffer} */ (base)),
    own: new Uint8Array(/** @type {ArrayBuffer} */ (own)),
    isKept,
  };
}

/**
 * @param {ArrayBuffer} buffer what Pyodide's `makeMemorySnapshot` gave
 * @returns {Parts}
 */
export function readSnapshot(buffer) {
  const [start = 0] = new Uint32Array(buffer, 4 * MEMORY_START, 1);
  const content = new Uint8Array(buffer, start);
  const head = new Uint8Array(buffer.slice(0, start));
  return { head, size: content.length, runs: findRuns(new Int32Array(buffer, start)), content };
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
  length = 0;

  constructor() {
    super(new ArrayBuffer(0));
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
    if (end === undefined && this.#parts && this.#core) {
      restore(this.#core.memory, this.#parts);
      importOwn(this.#core, this.#parts);
      this.#core = this.#parts = null;
    }
    return this.#head.subarray(begin, end);
  }
}

/**
 * Import our modules, unless the memory has them, in a Python that was restored and has not gone on yet; the parts are of the
 * memory with them from then on, if somebody wants to keep it.
 *
 * @param {CoreExports} core
 * @param {Parts} parts
 */
function importOwn(core, parts) {
  const { own } = parts;
  if (!own) {
    return;
  }
  const address = core.malloc(own.length);
  new Uint8Array(core.memory.buffer).set(own, address);
  const code = core.PyMarshal_ReadObjectFromString(address, own.length);
  core.free(address);
  const names = core.PyDict_New();
  const result = code && core.PyEval_EvalCode(code, names, names);
  if (result === 0) {
    core.PyErr_Print();
    throw new Error("the tunnel's Python modules cannot be imported");
  }
  [result, names, code].forEach((object) => core.Py_DecRef(object));
  const former = parts.content.buffer;
  if (parts.isKept) {
    const { buffer } = core.memory;
    parts.size = buffer.byteLength;
    [parts.runs, parts.content] = copyRuns(buffer);
  }
  /** @type {any} */ (former).transfer?.(0); // a worker that is busy with its start collects no garbage
  parts.own = null;
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
 * What of a memory is not zero, in one piece.
 *
 * @param {ArrayBuffer} buffer
 * @returns {[runs: Run[], content: Uint8Array<ArrayBuffer>]}
 */
function copyRuns(buffer) {
  const found = findRuns(new Int32Array(buffer));
  const content = new Uint8Array(found.reduce((sum, [, length]) => sum + length, 0));
  let at = 0;
  const runs = found.map(([start, length]) => {
    content.set(new Uint8Array(buffer, start, length), at);
    const run = /** @type {Run} */ ([start, length, at]);
    at += length;
    return run;
  });
  return [runs, content];
}

/**
 * @param {Int32Array} words
 * @returns {Run[]} of pages that are not zero
 */
function findRuns(words) {
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
