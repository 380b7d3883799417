/**
 * Python's memory after its start, with our modules imported, that a worker starts from in a third of the time.
 */

const PAGE_BYTES = 65_536;

/**
 * Run `load` so that the WebAssembly memory made by it has room for the snapshot. Pyodide restores a snapshot into the
 * memory that its module declares, and fails when importing had made it grow.
 *
 * @template T
 * @param {ArrayBuffer | Promise<ArrayBuffer>} snapshot
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function withRoomFor(snapshot, load) {
  const { instantiate, instantiateStreaming } = WebAssembly;
  /** @param {any} result what either function gives: an instance, or an object that has one */
  const grow = async (result) => {
    const { byteLength } = await snapshot;
    const { memory } = (result.instance ?? result).exports;
    if (memory instanceof WebAssembly.Memory && memory.buffer.byteLength < byteLength) {
      memory.grow(Math.ceil((byteLength - memory.buffer.byteLength) / PAGE_BYTES));
    }
    return result;
  };
  /** @type {any} */
  const api = WebAssembly;
  api.instantiate = async (/** @type {[any, any]} */ ...args) => grow(await instantiate(...args));
  api.instantiateStreaming = async (/** @type {[any, any]} */ ...args) => grow(await instantiateStreaming(...args));
  try {
    return await load();
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming });
  }
}
