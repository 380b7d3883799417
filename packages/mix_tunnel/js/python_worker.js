import { Channel } from "./channel.js";
import { PageNeeded, WorkerFailed } from "./errors.js";
import { openLink } from "./links.js";
import { MemoryKeeping } from "./memory_keeping.js";

const ADVICE = "check that all files of mix-tunnel are served, and say with assetsUrl where they are";
const PAGE_NEEDED = "a tunnel needs a page with Web Workers, which this program is not; set it up in the browser";
const DIED = "the tunnel's worker has ended: the browser stopped it, perhaps for want of memory; set the tunnel up again";
const POLICY = "the browser refuses it; a Content-Security-Policy needs worker-src 'self' and script-src 'self' "
  + "'wasm-unsafe-eval'";
const JAVASCRIPT = /^(?:text|application)\/(?:x-)?(?:java|ecma)script\b/i;

/** A worker from its start to its end, and the channel to the Python in it. */
export class PythonWorker {
  /** @type {Channel} */
  channel;
  /** Resolves when Python answers; rejects when it never will. @type {Promise<void>} */
  ready;
  isReady = false;
  #isOver = false;
  /** @type {(error: unknown) => void} */
  #rejectReady = () => {};
  isShared;
  #link;
  #url;
  #keeping;
  #onFailure;

  /**
   * @param {string} name what the browser's tools call the worker
   * @param {URL | undefined} assetsUrl the folder of worker.js and what it loads; by default that of this file
   * @param {boolean} isShared whether it serves other pages too, where the browser can
   * @param {(error: WorkerFailed) => void} onFailure called once, if the worker cannot be started or dies
   */
  constructor(name, assetsUrl, isShared, onFailure) {
    if (typeof Worker === "undefined") {
      throw new PageNeeded(PAGE_NEEDED);
    }
    this.#onFailure = onFailure;
    this.isShared = isShared;
    // Not written as the pattern that bundlers know: they would bundle the worker and leave its Python behind.
    this.#url = new URL("worker.js", assetsUrl ?? import.meta.url);
    this.#keeping = new MemoryKeeping(new URL("memory_keeper.js", this.#url), () => this.channel.quietMs);
    this.#link = openLink(this.#url, name, isShared, (reason) => void this.#explain(reason));
    this.channel = new Channel(this.#link);
    this.channel.on("worker.here", ({ lock }) => lock && this.#watch(lock));
    this.ready = new Promise((resolve, reject) => {
      this.#rejectReady = reject;
      this.channel.on("worker.ready", () => {
        this.isReady = true;
        resolve();
      });
    });
    this.ready.catch(() => {}); // not everybody waits for it
    this.channel.on("memory.unkept", () => this.#keeping.begin());
    this.channel.on("worker.failed", ({ reason }) => void this.#explain(reason));
  }

  /** What the page should know though the worker runs. */
  get warning() {
    return this.#link.warning;
  }

  /**
   * End the worker and give its memory back, or leave it to the others; what is open fails with `reason`.
   * @param {unknown} reason
   */
  stop(reason) {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#keeping.end();
      this.#link.end();
      this.channel.break(reason);
      this.#rejectReady(reason);
    }
  }

  /**
   * The worker holds a lock for as long as it lives. A browser that runs out of memory ends workers without a word.
   * @param {string} lock
   */
  #watch(lock) {
    navigator.locks.request(lock, () => this.#fail(DIED)).catch(() => {});
  }

  /** @param {string} [reason] what the browser or the worker says, if anything */
  async #explain(reason) {
    if (this.isReady) {
      this.#fail(`the tunnel's worker has failed: ${tidy(reason || "no reason is known")}; set the tunnel up again`);
    } else {
      const known = reason ? tidy(reason) : await findFault(this.#url);
      this.#fail(`the tunnel's worker could not be started: ${known}; ${ADVICE}`);
    }
  }

  /** @param {string} sentence */
  #fail(sentence) {
    if (!this.#isOver) {
      const error = new WorkerFailed(sentence, { retryable: true });
      this.stop(error);
      this.#onFailure(error);
    }
  }
}

/**
 * What the browser says, without the page's address.
 * @param {string} reason
 */
function tidy(reason) {
  return reason.replace(/\bhttps?:\/\/\S*\//g, "").replace(/^(?:Uncaught )?Error: /, "");
}

/**
 * Why a worker's script did not start: browsers do not tell.
 * @param {URL} url
 * @returns {Promise<string>}
 */
async function findFault(url) {
  const answer = await fetch(url).catch(() => null);
  void answer?.body?.cancel();
  if (!answer?.ok) {
    return `worker.js cannot be fetched${answer ? ` (${answer.status})` : ""}`;
  }
  const type = answer.headers.get("content-type") ?? "";
  return JAVASCRIPT.test(type) ? POLICY : `worker.js is served as ${type || "no type at all"}, which is not JavaScript`;
}
