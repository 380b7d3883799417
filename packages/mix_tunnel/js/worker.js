/**
 * The worker that holds the tunnel, a page's own or a shared one: loads Pyodide and our Python from the folder
 * `pyodide/` beside this file, then hands its pages to Python (`mix_tunnel.worker.main`). All files come from this
 * origin.
 *
 * A bundler may make this file part of something else, but never Pyodide, which looks for its own files.
 */
import "./compiled_modules.js"; // which others import: so it is asked for together with them
import { DirectoryAhead } from "./directory_ahead.js";
import { fetchFile, fetchPacked } from "./files.js";
import { Pages } from "./pages.js";
import { fetchIndex, fetchSitePackages, unpack } from "./site_packages.js";
import { fetchSnapshot, Snapshot, withMemory } from "./snapshot.js";

const folder = new URL("pyodide/", location.href);
/** By then, a page that sets a tunnel up at once has it, and the answers to its first requests. */
const KEEP_AFTER_MS = 10_000;
const directory = new DirectoryAhead();
const pages = new Pages(globalThis, (message) => {
  if (message.type === "call" && message.method === "tunnel.setup") {
    directory.begin(message.params);
  }
});

/**
 * @param {string} name of a module in the folder
 * @returns {Promise<any>}
 */
function importFile(name) {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ new URL(name, folder).href);
}

/**
 * Start Python with the files that are on their way. Pyodide would ask for them only when it has been loaded itself, and
 * wait for ever when its WebAssembly is missing.
 *
 * @param {Promise<import("./snapshot.js").Parts>} parts of the snapshot
 * @param {Promise<import("./site_packages.js").Index>} index
 * @param {Map<string, Promise<Response>>} files URL -> answer
 */
async function startPython(parts, index, files) {
  // With stack switching, Pyodide would run each callback on a stack of its own. Nobody here waits in that way, and
  // Chromium has crashed on such stacks.
  Reflect.deleteProperty(WebAssembly, "Suspending");
  const { fetch } = globalThis;
  globalThis.fetch = (resource, options) => files.get(String(resource)) ?? fetch(resource, options);
  try {
    const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all([
      importFile("pyodide.mjs"),
      importFile("pyodide.asm.mjs"), // Pyodide itself would ask for it later
    ]);
    const data = index.then((known) => known.data);
    const snapshot = new Snapshot();
    const options = { indexURL: folder.href, createPyodideModule, _loadSnapshot: snapshot };
    return await withMemory(snapshot, parts, data, () => loadPyodide(options));
  } finally {
    globalThis.fetch = fetch;
  }
}

/**
 * Leave a mark on the timeline that the browser's tools show.
 * @param {string} what
 */
function mark(what) {
  performance.mark(`mix-tunnel: ${what}`);
}

async function start() {
  mark("the worker runs");
  // All at once, whatever is needed first.
  const index = fetchIndex(folder);
  const memory = fetchSnapshot(folder, index);
  const parts = memory.then((found) => {
    mark("its memory is there");
    return found.parts;
  });
  const sitePackages = fetchSitePackages(folder, index);
  const lock = new URL("pyodide-lock.json", folder);
  const urls = ["pyodide.asm.wasm", "python_stdlib.zip"].map((name) => new URL(name, folder));
  const files = new Map([[lock.href, fetchFile(lock)]]);
  urls.forEach((url) => files.set(url.href, fetchPacked(url)));
  const [python, found] = await Promise.all([startPython(parts, index, files), sitePackages, parts, ...files.values()]);
  mark("Python has started");
  unpack(python, found);
  python.pyimport("importlib").invalidate_caches();
  mark("its files are in place");
  /** @type {typeof fetch} */
  const ask = (url, options) => directory.fetch(String(url), options ?? {});
  const main = python.pyimport("mix_tunnel.worker.main").start(pages.isShared, ask);
  const { checked, keep } = await memory;
  if (!(await checked)) {
    throw new Error("the browser has not kept Python's memory as it was, and will load it again");
  }
  pages.serve((page) => main.open(page));
  mark("Python serves the page");
  if (keep !== null) {
    setTimeout(keep, KEEP_AFTER_MS);
  }
}

start().catch((error) => {
  console.error(error);
  pages.fail(String(error).slice(0, 2000));
});
