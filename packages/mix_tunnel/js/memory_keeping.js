/**
 * When the browser is to keep Python's memory for later visits: once the page has been quiet for a while, so that nobody
 * feels it. Another worker does it (`memory_keeper.js`), and gives all that it took back by ending.
 */

const QUIET_MS = 5000;
/** What `deviceMemory` tells of machines that have no room to spare. */
const TOO_LITTLE_GB = 2;
/** One page at a time. */
const LOCK = "mix-tunnel memory";

export class MemoryKeeping {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #end = () => {};
  #url;
  #quietMs;

  /**
   * @param {URL} url of `memory_keeper.js`
   * @param {() => number} quietMs for how long nothing has happened
   */
  constructor(url, quietMs) {
    this.#url = url;
    this.#quietMs = quietMs;
  }

  /** Wait for such a moment, unless nothing should be kept here. */
  begin() {
    const { connection, deviceMemory = Infinity } = /** @type {any} */ (navigator);
    if (!connection?.saveData && deviceMemory > TOO_LITTLE_GB) {
      this.#wait(QUIET_MS);
    }
  }

  /** Keep nothing, or no more. */
  end() {
    clearTimeout(this.#timer);
    this.#end();
  }

  /** @param {number} delayMs */
  #wait(delayMs) {
    this.#timer = setTimeout(() => {
      const missing = globalThis.document?.hidden ? QUIET_MS : QUIET_MS - this.#quietMs();
      if (missing > 0) {
        this.#wait(missing);
      } else {
        navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => lock && this.#keep()).catch(() => {});
      }
    }, delayMs);
  }

  /** Resolves when the worker has ended. */
  #keep() {
    return new Promise((resolve) => {
      const worker = new Worker(this.#url, { type: "module", name: LOCK });
      this.#end = () => {
        worker.terminate();
        resolve(null);
      };
      worker.addEventListener("message", this.#end);
      worker.addEventListener("error", (event) => {
        event.preventDefault(); // it is no fault of the page's
        this.#end();
      });
    });
  }
}
