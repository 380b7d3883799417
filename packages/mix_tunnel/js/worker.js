/**
 * The worker that holds the tunnel: loads Pyodide and our wheels from the folder `pyodide/` beside this file, then
 * hands the channel to Python (`mix_tunnel.worker.main`). All files come from this origin.
 */
import { loadPyodide } from "./pyodide/pyodide.mjs";
import { fetchSnapshot, withRoomFor } from "./snapshot.js";
import { fetchWheels } from "./wheels.js";

/** @import { ToWorker } from "./protocol.js" */
/** @typedef {(head: string, body: Uint8Array | undefined) => void} Receiver */

const scope = /** @type {{ postMessage(message: unknown, transfer: Transferable[]): void, close(): void,
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null }} */ (/** @type {unknown} */ (globalThis));

const folder = new URL("./pyodide/", import.meta.url);

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

async function startPython() {
  const snapshot = await fetchSnapshot(new URL("snapshot.bin.gz", folder));
  return snapshot
    ? withRoomFor(snapshot, () => loadPyodide({ indexURL: folder.href, _loadSnapshot: snapshot }))
    : loadPyodide({ indexURL: folder.href });
}

try {
  const started = performance.now();
  const wheels = fetchWheels(folder, "mix-tunnel");
  wheels.catch(() => {}); // it is awaited below, and Python may fail before
  const python = await startPython();
  const extractDir = python.runPython("import site; site.getsitepackages()[0]");
  for (const wheel of await wheels) {
    python.unpackArchive(wheel, "wheel", { extractDir });
  }
  python.pyimport("importlib").invalidate_caches();
  python.pyimport("mix_tunnel.worker.main").start(port);
  emit("worker.ready", { elapsedMs: performance.now() - started });
} catch (error) {
  console.error(error);
  emit("worker.failed", { reason: String(error).slice(0, 2000) });
  scope.close();
}
