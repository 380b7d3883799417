/**
 * A worker without a tunnel, which a page starts when nothing else is to be done (`memory_keeping.js`): it starts Python
 * anew, from files that the browser has in its cache, imports our modules, lets the browser keep that memory, and has ended
 * before Python draws anything random. So there is nothing in it that could be secret.
 */
import { openMemories } from "./kept_memory.js";
import { fetchCore, startPython } from "./python_start.js";
import { fetchIndex } from "./site_packages.js";
import { findRuns, keyOf, loadSnapshot } from "./snapshot.js";

/** @import { Parts } from "./snapshot.js" */

const folder = new URL("pyodide/", location.href);
/** @type {RequestInit} */
const CACHED = { cache: "only-if-cached", mode: "same-origin" };

/**
 * The memory with our modules.
 *
 * @param {Promise<import("./site_packages.js").Index>} index
 * @returns {Promise<{ memory: ArrayBuffer, parts: Parts }>}
 */
async function importModules(index) {
  const { parts, checked } = await loadSnapshot(folder, index, CACHED);
  await checked;
  return new Promise((resolve, reject) => {
    startPython(folder, Promise.resolve(parts), index, fetchCore(folder, CACHED), (memory, found) => {
      resolve({ memory, parts: found });
      throw new Error("Python was started for its memory alone");
    }).catch(reject);
  });
}

async function keep() {
  const store = await openMemories();
  const index = fetchIndex(folder, CACHED);
  if (store !== null && await store.read(keyOf(await index)) === null) {
    const { memory, parts } = await importModules(index);
    const runs = findRuns(memory);
    await store.keep(keyOf(await index), { head: parts.head, size: memory.byteLength, runs }, memory);
  }
}

// That nothing can be kept is no failure: the memory will be loaded again.
keep().catch(() => {}).finally(() => postMessage(null));
