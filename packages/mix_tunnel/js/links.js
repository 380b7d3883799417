/** The two ways to a worker: one that only this page has, and one that the pages of the origin share. */
import { VERSION } from "./channel.js";
import { TunnelNotShared } from "./errors.js";
import { doorOf } from "./pages.js";

/** @import { Endpoint, Greeting, ToWorker } from "./protocol.js" */
/** @typedef {(reason?: string) => void} OnFault is told when the worker cannot run, with what the browser says */
/** @typedef {Endpoint & { end(): void, warning: TunnelNotShared | null }} Link */

const NOT_SHARED = "this browser lets pages share no worker, so this page has a tunnel of its own";
/**
 * Milliseconds in which a worker that runs has long answered. A browser may connect a page to one that has just closed,
 * and Firefox does; the next try reaches a fresh one.
 */
const KNOCK_AGAIN_MS = 1000;
const UNREADABLE = "a message could not be read";

/**
 * @param {URL} url of worker.js
 * @param {string} name what the browser's tools call the worker
 * @param {boolean} isShared whether pages share it, where the browser can
 * @param {OnFault} onFault
 * @returns {Link}
 */
export function openLink(url, name, isShared, onFault) {
  if (!isShared) {
    return new OwnLink(url, name, onFault);
  }
  const canShare = typeof SharedWorker !== "undefined" && navigator.locks !== undefined;
  return canShare ? new SharedLink(url, name, onFault) : new OwnLink(url, name, onFault, new TunnelNotShared(NOT_SHARED));
}

/** @implements {Link} */
class OwnLink {
  warning;
  #worker;

  /**
   * @param {URL} url
   * @param {string} name
   * @param {OnFault} onFault
   * @param {TunnelNotShared | null} [warning]
   */
  constructor(url, name, onFault, warning = null) {
    this.warning = warning;
    this.#worker = new Worker(url, { type: "module", name });
    this.#worker.addEventListener("error", (event) => onFault(event.message));
    this.#worker.addEventListener("messageerror", () => onFault(UNREADABLE));
  }

  /** @type {Link["postMessage"]} */
  postMessage(message, transfer) {
    this.#worker.postMessage(message, transfer);
  }

  /** @type {Link["addEventListener"]} */
  addEventListener(type, listener) {
    this.#worker.addEventListener(type, listener);
  }

  end() {
    this.#worker.terminate();
  }
}

/**
 * Holds two locks: one as long as the page uses the worker, which so learns of the page's end, however that comes; and
 * the worker's door, until the worker has said that it is there, since it must not close meanwhile.
 *
 * @implements {Link}
 */
class SharedLink {
  /** @type {TunnelNotShared | null} */
  warning = null;
  /** @type {Endpoint | null} */
  #endpoint = null;
  /** @type {[ToWorker, Transferable[]][]} */
  #waiting = [];
  /** @type {((event: MessageEvent) => void)[]} */
  #listeners = [];
  #end = () => {};
  #isOver = false;

  /**
   * @param {URL} url
   * @param {string} name
   * @param {OnFault} onFault
   */
  constructor(url, name, onFault) {
    this.#connect(url, `${name} ${VERSION}`, onFault).catch(() => {
      this.#end();
      if (!this.#isOver) { // cookies may be forbidden here, or the browser not know modules in shared workers
        const own = new OwnLink(url, name, onFault, new TunnelNotShared(NOT_SHARED));
        this.warning = own.warning;
        this.#end = () => own.end();
        this.#listen(own);
        this.#use(own);
      }
    });
  }

  /** @type {Link["postMessage"]} */
  postMessage(message, transfer) {
    if (this.#endpoint) {
      this.#endpoint.postMessage(message, transfer);
    } else {
      this.#waiting.push([message, transfer]);
    }
  }

  /** @type {Link["addEventListener"]} */
  addEventListener(_type, listener) {
    this.#listeners.push(listener);
  }

  end() {
    this.#isOver = true;
    this.#end();
  }

  /**
   * @param {URL} url
   * @param {string} name
   * @param {OnFault} onFault
   */
  async #connect(url, name, onFault) {
    const lock = `mix-tunnel page ${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    const leave = await takeLock(lock);
    this.#end = leave;
    const shutDoor = await takeLock(doorOf(name), { mode: "shared" });
    this.#end = () => {
      leave();
      shutDoor();
    };
    if (this.#isOver) {
      this.#end();
      return;
    }
    const knock = (patienceMs = KNOCK_AGAIN_MS) => {
      const worker = startShared(url, name);
      const { port } = worker;
      const again = setTimeout(() => {
        port.close();
        knock(2 * patienceMs);
      }, patienceMs);
      this.#end = () => {
        clearTimeout(again);
        port.close();
        leave();
        shutDoor();
      };
      const answered = () => {
        clearTimeout(again);
        shutDoor();
        this.#use(port);
      };
      worker.addEventListener("error", (event) => onFault(/** @type {Partial<ErrorEvent>} */ (event).message));
      port.addEventListener("messageerror", () => onFault(UNREADABLE));
      port.addEventListener("message", answered, { once: true });
      this.#listen(port);
      port.start();
      port.postMessage(/** @type {Greeting} */ ({ lock }));
    };
    knock();
  }

  /** @param {Endpoint} endpoint */
  #listen(endpoint) {
    for (const listener of this.#listeners) {
      endpoint.addEventListener("message", listener);
    }
  }

  /** @param {Endpoint} endpoint */
  #use(endpoint) {
    this.#endpoint = endpoint;
    for (const [message, transfer] of this.#waiting.splice(0)) {
      endpoint.postMessage(message, transfer);
    }
  }
}

/**
 * @param {URL} url
 * @param {string} name
 */
function startShared(url, name) {
  let isModule = false;
  const worker = new SharedWorker(url, {
    name,
    get type() {
      isModule = true; // a browser that does not know the option does not look at it
      return /** @type {const} */ ("module");
    },
  });
  if (!isModule) {
    worker.port.close();
    throw new Error("shared workers know no modules here");
  }
  return worker;
}

/**
 * @param {string} name
 * @param {LockOptions} [options]
 * @returns {Promise<() => void>} what gives it back
 */
function takeLock(name, options = {}) {
  return new Promise((resolve, reject) => {
    const hold = () => new Promise((release) => resolve(() => release(undefined)));
    navigator.locks.request(name, options, hold).catch(reject);
  });
}
