/**
 * The worker that holds the tunnel, a page's own or a shared one: loads Pyodide and our Python from the folder
 * `pyodide/` beside this file, then hands its pages to Python (`mix_tunnel.worker.main`). All files come from this
 * origin.
 *
 * A bundler may make this file part of something else, but never Pyodide, which looks for its own files.
 */
// These are what others import: so all are asked for together.
import "./compiled_modules.js";
import "./files.js";
import "./kept_memory.js";
import { DirectoryAhead } from "./directory_ahead.js";
import { Pages } from "./pages.js";
import { fetchCore, startPython } from "./python_start.js";
import { fetchIndex, fetchSitePackages, unpack } from "./site_packages.js";
import { fetchSnapshot } from "./snapshot.js";

const folder = new URL("pyodide/", location.href);
const directory = new DirectoryAhead();
const pages = new Pages(globalThis, (message) => {
  if (message.type === "call" && message.method === "tunnel.setup") {
    directory.begin(message.params);
  }
});

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
  const files = fetchCore(folder);
  const starting = startPython(folder, parts, index, files).catch(async (error) => {
    await (await memory).checked; // what is not whole may fail in any way
    throw error;
  });
  const [python, found] = await Promise.all([starting, sitePackages, parts, ...files.values()]);
  mark("Python has started");
  unpack(python, found);
  python.pyimport("importlib").invalidate_caches();
  mark("its files are in place");
  /** @type {typeof fetch} */
  const ask = (url, options) => directory.fetch(String(url), options ?? {});
  const main = python.pyimport("mix_tunnel.worker.main").start(pages.isShared, ask);
  const { checked, mayKeep } = await memory;
  await checked;
  pages.serve((page) => main.open(page));
  mark("Python serves the page");
  if (mayKeep) {
    pages.tell("memory.unkept");
  }
}

start().catch((error) => {
  console.error(error);
  pages.fail(String(error).slice(0, 2000));
});
