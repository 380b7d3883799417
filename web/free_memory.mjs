// Zeros where nothing is: what was freed keeps its bytes otherwise, and they would be a tenth of a snapshot.

const LARGEST_BYTES = 2 ** 20;
const SMALLEST_BYTES = 16;
/** The largest object that Python's own allocator takes, and the step of its sizes (Objects/obmalloc.c). */
const LARGEST_OBJECT_BYTES = 512;
const OBJECT_STEP_BYTES = 16;

/**
 * Write zeros over all free memory, but for what the allocators keep in it: takes everything there is to be had, size by
 * size, until memory comes that nobody has had before, and gives all of it back.
 *
 * @param {any} core Pyodide's module
 */
export function clearFreeMemory(core) {
  const blocks = takeAll(core, sizesOf(LARGEST_BYTES, SMALLEST_BYTES, (size) => size / 2), core._malloc);
  // With nothing else left, pools for objects come from where nothing was yet.
  const objects = takeAll(
    core,
    sizesOf(LARGEST_OBJECT_BYTES, OBJECT_STEP_BYTES, (size) => size - OBJECT_STEP_BYTES),
    core._PyObject_Malloc,
  );
  // The last first, so that they are taken in the order of their addresses later on.
  objects.reverse().forEach((address) => core._PyObject_Free(address));
  blocks.reverse().forEach((address) => core._free(address));
}

/**
 * @param {number} largest
 * @param {number} smallest
 * @param {(size: number) => number} next
 */
function* sizesOf(largest, smallest, next) {
  for (let size = largest; size >= smallest; size = next(size)) {
    yield size;
  }
}

/**
 * @param {any} core
 * @param {Iterable<number>} sizes
 * @param {(size: number) => number} allocate
 */
function takeAll(core, sizes, allocate) {
  const taken = [];
  const end = core._sbrk(0);
  for (const size of sizes) {
    let address;
    do {
      address = allocate(size);
      core.HEAPU8.fill(0, address, address + size);
      taken.push(address);
    } while (address < end);
  }
  return taken;
}
