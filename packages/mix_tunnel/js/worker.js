/**
 * The worker that holds the tunnel: loads Pyodide and our Python from the folder `pyodide/` beside this file, then
 * hands the channel to Python (`mix_tunnel.worker.main`). All files come from this origin.
 *
 * A bundler may make this file part of something else, but never Pyodide, which looks for its own files.
 */
import { fetchFile, inflate } from "./files.js";
import { fetchSitePackages, unpack } from "./site_packages.js";
import { withRoomFor } from "./snapshot.js";

/** @import { ToWorker } from "./protocol.js" */
/** @typedef {(head: string, body: Uint8Array | undefined) => void} Receiver */

const scope = /** @type {{ postMessage(message: unknown, transfer: Transferable[]): void, close(): void, name: string,
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null }} */ (/** @type {unknown} */ (globalThis));

const folder = new URL("pyodide/", location.href);

/** @type {MessageEvent<ToWorker>[]} */
const waiting = [];
scope.onmessage = (event) => void waiting.push(event);

/** What Python sees of the page. Heads cross as JSON text, which Python checks; bytes as buffers. */
const port = {
  /**
   * @param {string} head
   * @param {Uint8Array<ArrayBuffer> | undefined} body
   */
  post(head, body) {
    const message = JSON.parse(head);
    if (body === undefined) {
      scope.postMessage(message, []);
    } else {
      message.body = body.buffer;
      scope.postMessage(message, [body.buffer]);
    }
  },

  /** @param {Receiver} receiver */
  listen(receiver) {
    scope.onmessage = ({ data }) => {
      if ("body" in data && data.body !== undefined) {
        const { body, ...head } = data;
        receiver(JSON.stringify(head), new Uint8Array(body));
      } else {
        receiver(JSON.stringify(data), undefined);
      }
    };
    waiting.splice(0).forEach(scope.onmessage);
  },
};

/**
 * @param {string} name
 * @param {unknown} value
 */
function emit(name, value) {
  scope.postMessage({ version: 1, type: "event", id: 0, name, value }, []);
}

/**
 * Hold a lock of this worker's name as long as it lives: the page then learns of its end, however it comes.
 *
 * @returns {Promise<boolean>} whether there are locks; browsers have them for secure pages only
 */
function holdLock() {
  return new Promise((resolve) => {
    if (!navigator.locks) {
      resolve(false);
      return;
    }
    const hold = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(scope.name, hold).catch(() => resolve(false));
  });
}

/**
 * Start Python with the files that are on their way. Pyodide would ask for them only when it has been loaded itself, and
 * wait for ever when its WebAssembly is missing.
 *
 * @param {Promise<ArrayBuffer>} snapshot
 * @param {Map<string, Promise<Response>>} files URL -> answer
 */
async function startPython(snapshot, files) {
  // With stack switching, Pyodide would run each callback on a stack of its own. Nobody here waits in that way, and
  // Chromium has crashed on such stacks.
  Reflect.deleteProperty(WebAssembly, "Suspending");
  const { fetch } = globalThis;
  globalThis.fetch = (resource, options) => files.get(String(resource)) ?? fetch(resource, options);
  try {
    const pyodide = new URL("pyodide.mjs", folder).href;
    /** @type {typeof import("pyodide")} */
    const { loadPyodide } = await import(/* webpackIgnore: true */ /* @vite-ignore */ pyodide);
    return await withRoomFor(snapshot, () => loadPyodide({ indexURL: folder.href, _loadSnapshot: snapshot }));
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
  const snapshot = fetchFile(new URL("snapshot.bin.gz", folder)).then(inflate);
  const sitePackages = fetchSitePackages(folder);
  const urls = ["pyodide-lock.json", "pyodide.asm.wasm", "python_stdlib.zip"].map((name) => new URL(name, folder));
  const files = new Map(urls.map((url) => [url.href, fetchFile(url)]));
  const [python, found] = await Promise.all([startPython(snapshot, files), sitePackages, ...files.values()]);
  mark("Python has started");
  unpack(python, found);
  python.pyimport("importlib").invalidate_caches();
  mark("its files are in place");
  const holdsLock = await holdLock();
  python.pyimport("mix_tunnel.worker.main").start(port);
  mark("Python serves the page");
  emit("worker.ready", { holdsLock }); // before anything that Python says
}

start().catch((error) => {
  console.error(error);
  emit("worker.failed", { reason: String(error).slice(0, 2000) });
  scope.close();
});
