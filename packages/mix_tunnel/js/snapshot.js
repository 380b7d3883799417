/**
 * Python's memory after its start, with our modules imported, that a worker starts from in a third of the time.
 *
 * Two fifths of it are pages of zeros. A new memory has these already, and what of it nobody writes to takes no memory of
 * the machine.
 */
import { checkIntegrity, fetchPacked } from "./files.js";

const WASM_PAGE_BYTES = 65_536;
const PAGE_WORDS = 1024;

/** Where a snapshot says at which of its bytes the memory begins; before that are references to JavaScript. */
const MEMORY_START = 1;

/**
 * The memory of base.bin, in which only what others wrote has been imported, patched with own.bin, which is small.
 *
 * @param {URL} folder where they are
 * @param {Promise<import("./site_packages.js").Index>} index
 * @returns {Promise<Snapshot>}
 */
export async function fetchSnapshot(folder, index) {
  const [base, own] = await Promise.all(/** @type {const} */ (["base", "own"]).map(async (name) => {
    const url = new URL(`${name}.bin`, folder);
    const content = await (await fetchPacked(url)).arrayBuffer();
    await checkIntegrity(content, (await index).integrity[name], url);
    return content;
  }));
  return Snapshot.read(applyPatch(/** @type {ArrayBuffer} */ (base), /** @type {ArrayBuffer} */ (own)));
}

/**
 * Put words into a memory.
 *
 * @param {ArrayBuffer} base
 * @param {ArrayBuffer} patch 32-bit words, little-endian: how many bytes the result has; the number of pieces; for each, how
 *   many words stay and how many are replaced; then the words to put there
 * @returns {ArrayBuffer}
 */
export function applyPatch(base, patch) {
  const [size = 0, pieces = 0] = new Uint32Array(patch, 0, 2);
  const result = new Uint8Array(size);
  result.set(new Uint8Array(base));
  const words = new Uint32Array(result.buffer);
  const counts = new Uint32Array(patch, 8, 2 * pieces);
  const changed = new Uint32Array(patch, 8 + counts.byteLength);
  let [at, from] = [0, 0];
  for (let index = 0; index < counts.length; index += 2) {
    at += counts[index] ?? 0;
    for (const end = at + (counts[index + 1] ?? 0); at < end; at += 1, from += 1) {
      words[at] = changed[from] ?? 0;
    }
  }
  return result.buffer;
}

/**
 * A snapshot as Pyodide's loader takes it: the bytes before the memory. When it restores, it asks for those behind them, and
 * is told that there are none, for they are in their place already. It keeps for good what it was given: so this is all.
 */
export class Snapshot extends Uint8Array {
  /** @type {Int32Array | null} what the memory is to hold */
  #content = null;
  /** @type {WebAssembly.Memory | null} */
  #memory = null;

  /** @param {ArrayBuffer} buffer what Pyodide's `makeMemorySnapshot` gave */
  static read(buffer) {
    const [start] = new Uint32Array(buffer, 4 * MEMORY_START, 1);
    const snapshot = new Snapshot(new Uint8Array(buffer, 0, start)); // a copy
    snapshot.#content = new Int32Array(buffer, start);
    return snapshot;
  }

  /**
   * Make a new memory large enough, and put the module's data into it.
   *
   * @param {WebAssembly.Memory} memory that is restored later
   * @param {[start: number, end: number][]} data where the snapshot has it
   */
  prepare(memory, data) {
    if (this.#content === null) {
      return;
    }
    const { buffer, byteOffset, byteLength } = this.#content;
    if (memory.buffer.byteLength < byteLength) {
      memory.grow(Math.ceil((byteLength - memory.buffer.byteLength) / WASM_PAGE_BYTES));
    }
    const content = new Uint8Array(buffer, byteOffset, byteLength);
    const target = new Uint8Array(memory.buffer);
    data.forEach(([start, end]) => target.set(content.subarray(start, end), start));
    this.#memory = memory;
  }

  /**
   * @param {number} [begin]
   * @param {number} [end]
   */
  subarray(begin, end) {
    if (end === undefined && this.#content && this.#memory) {
      restore(this.#memory, this.#content);
      this.#memory = this.#content = null;
    }
    return new Uint8Array(this.buffer, this.byteOffset, this.byteLength).subarray(begin, end);
  }
}

/**
 * Give a memory this content, and zeros behind it, without writing zeros to where they are.
 *
 * @param {WebAssembly.Memory} memory
 * @param {Int32Array} content
 */
function restore({ buffer }, content) {
  const words = new Int32Array(buffer);
  for (let page = 0; page < words.length; page += PAGE_WORDS) {
    const end = page + PAGE_WORDS;
    if (!isZero(content, page, end)) {
      words.set(content.subarray(page, end), page);
    } else if (!isZero(words, page, end)) {
      words.fill(0, page, end);
    }
  }
}

/**
 * @param {Int32Array} words which may end before
 * @param {number} start
 * @param {number} end
 */
function isZero(words, start, end) {
  const last = Math.min(end, words.length);
  let at = start;
  while (at < last && words[at] === 0) {
    at += 1;
  }
  return at >= last;
}

/**
 * Run `load` so that the WebAssembly memory made by it has room for the snapshot. Pyodide restores a snapshot into the
 * memory that its module declares, and fails when importing had made it grow. It does so after its constructors have run,
 * and those need the module's data, which came with the snapshot.
 *
 * @template T
 * @param {Snapshot | Promise<Snapshot>} snapshot
 * @param {[start: number, end: number][] | Promise<[start: number, end: number][]>} data where it has data of the module
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function withMemory(snapshot, data, load) {
  const { instantiate, instantiateStreaming } = WebAssembly;
  /** @param {any} result what either function gives: an instance, or an object that has one */
  const prepare = async (result) => {
    const [known, ranges] = await Promise.all([snapshot, data]);
    const { memory } = (result.instance ?? result).exports;
    if (memory instanceof WebAssembly.Memory) {
      known.prepare(memory, ranges);
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
