// Python's frozen modules are bytecode among the core's data, and objects once they are imported.
const [ENTRY_BYTES, CODE_AT, SIZE_AT] = [16, 4, 8]; // struct _frozen, Include/cpython/import.h

/**
 * Write zeros over the bytecode of all frozen modules. They are not to be imported from it any more.
 *
 * @param {Uint8Array} memory
 * @param {number[]} lists where the addresses of lists of frozen modules are
 * @returns {[start: number, end: number][]} where they were
 */
export function clearFrozenModules(memory, lists) {
  const words = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const word = (address) => words.getUint32(address, true);
  const cleared = lists.flatMap((list) => {
    const found = [];
    for (let at = word(list); word(at) !== 0; at += ENTRY_BYTES) {
      found.push([word(at + CODE_AT), word(at + CODE_AT) + word(at + SIZE_AT)]);
    }
    return found;
  });
  cleared.forEach(([start, end]) => memory.fill(0, start, end));
  return cleared;
}
