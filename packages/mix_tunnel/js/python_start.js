/** Starts Python, in the worker that has the tunnel and in the one that lets the browser keep its memory. */
import { fetchFile, fetchPacked } from "./files.js";
import { Snapshot, withMemory } from "./snapshot.js";

/** @import { Parts } from "./snapshot.js" */

/**
 * Ask for what Pyodide itself would ask for only once it is loaded; and wait for ever when its WebAssembly is missing.
 *
 * @param {URL} folder
 * @param {RequestInit} [options]
 * @returns {Map<string, Promise<Response>>} URL -> answer
 */
export function fetchCore(folder, options) {
  const lock = new URL("pyodide-lock.json", folder);
  const urls = ["pyodide.asm.wasm", "python_stdlib.zip"].map((name) => new URL(name, folder));
  const files = new Map([[lock.href, fetchFile(lock, options)]]);
  urls.forEach((url) => files.set(url.href, fetchPacked(url, options)));
  return files;
}

/**
 * Start Python with files that are on their way.
 *
 * @param {URL} folder
 * @param {Promise<Parts>} parts of the snapshot
 * @param {Promise<{ data: [start: number, end: number][] }>} index
 * @param {Map<string, Promise<Response>>} files as of `fetchCore`
 * @param {(memory: ArrayBuffer, parts: Parts) => void} [onImported] is told when the memory has all our modules, and nothing
 *   of this start; if it throws, Python does not go on. Without it, only those are imported that a page waits for
 */
export async function startPython(folder, parts, index, files, onImported) {
  // With stack switching, Pyodide would run each callback on a stack of its own. Nobody here waits in that way, and
  // Chromium has crashed on such stacks.
  Reflect.deleteProperty(WebAssembly, "Suspending");
  const { fetch } = globalThis;
  globalThis.fetch = (resource, options) => files.get(String(resource)) ?? fetch(resource, options);
  /** @type {(name: string) => Promise<any>} */
  const importFile = (name) => import(/* webpackIgnore: true */ /* @vite-ignore */ new URL(name, folder).href);
  try {
    const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all([
      importFile("pyodide.mjs"),
      importFile("pyodide.asm.mjs"), // Pyodide itself would ask for it later
    ]);
    const data = index.then((known) => known.data);
    const snapshot = new Snapshot(onImported);
    const options = { indexURL: folder.href, createPyodideModule, _loadSnapshot: snapshot };
    return await withMemory(snapshot, parts, data, () => loadPyodide(options));
  } finally {
    globalThis.fetch = fetch;
  }
}
