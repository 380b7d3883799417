/**
 * Python's memory after its start, with our modules imported, that a worker starts from in a third of the time.
 */
import { checkIntegrity, fetchPacked } from "./files.js";

const PAGE_BYTES = 65_536;

/** Where a snapshot says at which of its bytes the memory begins; before that are references to JavaScript. */
const MEMORY_START = 1;

/**
 * The memory of base.bin, in which only what others wrote has been imported, patched with own.bin, which is small.
 *
 * @param {URL} folder where they are
 * @param {Promise<import("./site_packages.js").Index>} index
 * @returns {Promise<ArrayBuffer>}
 */
export async function fetchSnapshot(folder, index) {
  const [base, own] = await Promise.all(/** @type {const} */ (["base", "own"]).map(async (name) => {
    const url = new URL(`${name}.bin`, folder);
    const content = await (await fetchPacked(url)).arrayBuffer();
    await checkIntegrity(content, (await index).integrity[name], url);
    return content;
  }));
  return applyPatch(/** @type {ArrayBuffer} */ (base), /** @type {ArrayBuffer} */ (own));
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
 * Run `load` so that the WebAssembly memory made by it has room for the snapshot. Pyodide restores a snapshot into the
 * memory that its module declares, and fails when importing had made it grow. It does so after its constructors have run,
 * and those need the module's data, which came with the snapshot.
 *
 * @template T
 * @param {ArrayBuffer | Promise<ArrayBuffer>} snapshot
 * @param {[start: number, end: number][] | Promise<[start: number, end: number][]>} data where it has data of the module
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function withMemory(snapshot, data, load) {
  const { instantiate, instantiateStreaming } = WebAssembly;
  /** @param {any} result what either function gives: an instance, or an object that has one */
  const fill = async (result) => {
    const [bytes, ranges] = await Promise.all([snapshot, data]);
    const { memory } = (result.instance ?? result).exports;
    if (memory instanceof WebAssembly.Memory) {
      if (memory.buffer.byteLength < bytes.byteLength) {
        memory.grow(Math.ceil((bytes.byteLength - memory.buffer.byteLength) / PAGE_BYTES));
      }
      const content = new Uint8Array(bytes, new Uint32Array(bytes, 0, MEMORY_START + 1)[MEMORY_START]);
      const target = new Uint8Array(memory.buffer);
      ranges.forEach(([start, end]) => target.set(content.subarray(start, end), start));
    }
    return result;
  };
  /** @type {any} */
  const api = WebAssembly;
  api.instantiate = async (/** @type {[any, any]} */ ...args) => fill(await instantiate(...args));
  api.instantiateStreaming = async (/** @type {[any, any]} */ ...args) => fill(await instantiateStreaming(...args));
  try {
    return await load();
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming });
  }
}
