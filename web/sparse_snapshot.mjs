// A snapshot without its pages of zeros, three quarters of it: the worker needs neither to unpack nor to hash nor to search them.
//
// Numbers of 32 bits, little-endian: how long the head is, how large the memory is, how many runs of pages there are that are
// not zero, and start and length of each; then the head, then the runs.

const PAGE_BYTES = 4096;
/** Where a snapshot of Pyodide's says at which of its bytes the memory begins. */
const MEMORY_START = 4;

/**
 * @param {Uint8Array} snapshot what Pyodide's `makeMemorySnapshot` gave
 * @returns {Uint8Array} as `readSnapshot` in `mix-tunnel/snapshot.js` reads it
 */
export function packSnapshot(snapshot) {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const head = bytes.subarray(0, bytes.readUInt32LE(MEMORY_START));
  const memory = bytes.subarray(head.length);
  /** @type {[start: number, length: number][]} */
  const runs = [];
  for (let start = 0; start < memory.length; start += PAGE_BYTES) {
    const page = memory.subarray(start, start + PAGE_BYTES);
    const last = runs.at(-1);
    if (page.every((byte) => byte === 0)) {
      continue;
    }
    if (last !== undefined && last[0] + last[1] === start) {
      last[1] += page.length;
    } else {
      runs.push([start, page.length]);
    }
  }
  const numbers = Uint32Array.from([head.length, memory.length, runs.length, ...runs.flat()]);
  const contents = runs.map(([start, length]) => memory.subarray(start, start + length));
  return Buffer.concat([Buffer.from(numbers.buffer), head, ...contents]);
}
