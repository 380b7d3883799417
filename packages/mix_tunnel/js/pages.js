/**
 * The pages that a worker serves: the one that made it, or, in a shared worker, all that are connected to it.
 *
 * What a page sends before Python runs waits. A page of a shared worker says at first which lock it holds for as long
 * as it lives: browsers do not tell a worker otherwise that a page is gone.
 */

/** @import { Greeting, ToWorker } from "./protocol.js" */
/** @typedef {(head: string, body: Uint8Array | undefined) => void} Receiver */
/** @typedef {(page: Page) => () => PromiseLike<unknown>} Serve begins to serve a page; the result ends that */
/**
 * @typedef {object} Endpoint what carries a page's messages: the worker's own scope, or a port
 * @property {(message: unknown, transfer: Transferable[]) => void} postMessage
 * @property {((event: MessageEvent) => void) | null} onmessage
 * @property {() => void} close
 */

/** The lock that keeps a shared worker from closing while pages connect to it. @param {string} worker its name */
export const doorOf = (worker) => `${worker} door`;

/** What Python sees of one page. Heads cross as JSON text, which Python checks; bytes as buffers. */
class Page {
  /** @type {MessageEvent<ToWorker>[]} */
  #waiting = [];
  #endpoint;

  /**
   * @param {Endpoint} endpoint
   * @param {(message: ToWorker) => void} onEarly called with what has to wait for Python
   */
  constructor(endpoint, onEarly) {
    this.#endpoint = endpoint;
    endpoint.onmessage = (event) => {
      this.#waiting.push(event);
      onEarly(event.data);
    };
  }

  /**
   * @param {string} head
   * @param {Uint8Array<ArrayBuffer> | undefined} body
   */
  post(head, body) {
    const message = JSON.parse(head);
    if (body === undefined) {
      this.#endpoint.postMessage(message, []);
    } else {
      message.body = body.buffer;
      this.#endpoint.postMessage(message, [body.buffer]);
    }
  }

  /** @param {Receiver} receiver */
  listen(receiver) {
    /** @param {MessageEvent<ToWorker>} event */
    const receive = ({ data }) => {
      if ("body" in data && data.body !== undefined) {
        const { body, ...head } = data;
        receiver(JSON.stringify(head), new Uint8Array(body));
      } else {
        receiver(JSON.stringify(data), undefined);
      }
    };
    this.#endpoint.onmessage = receive;
    this.#waiting.splice(0).forEach(receive);
  }

  close() {
    this.#endpoint.onmessage = null;
    this.#waiting = [];
    this.#endpoint.close();
  }

  /**
   * Tell the page something that Python does not.
   *
   * @param {string} name
   * @param {unknown} [value]
   */
  emit(name, value = null) {
    this.#endpoint.postMessage({ version: 1, type: "event", id: 0, name, value }, []);
  }
}

export class Pages {
  /** @type {Map<Page, (() => PromiseLike<unknown>) | null>} what ends the serving of a page, once that has begun */
  #open = new Map();
  /** @type {Serve | null} */
  #serve = null;
  /** @type {string | null} */
  #failure = null;
  #lock;
  #scope;
  #onEarly;
  isShared;

  /**
   * @param {any} scope the worker's
   * @param {(message: ToWorker) => void} onEarly called with what comes from a page before Python runs
   */
  constructor(scope, onEarly) {
    this.#scope = scope;
    this.#onEarly = onEarly;
    this.#lock = holdLock(`${scope.name} ${crypto.getRandomValues(new Uint32Array(2)).join("-")}`);
    this.isShared = "onconnect" in scope;
    if (this.isShared) {
      scope.onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => void this.#greet(port);
    } else {
      this.#add(new Page(scope, onEarly));
    }
  }

  /**
   * From now on, pages are served.
   * @param {Serve} serve
   */
  serve(serve) {
    this.#serve = serve;
    for (const page of this.#open.keys()) {
      this.#begin(page);
    }
  }

  /**
   * Tell all pages that are here.
   * @param {string} name of an event
   */
  tell(name) {
    for (const page of this.#open.keys()) {
      page.emit(name);
    }
  }

  /**
   * No page will ever be served. A shared worker closes, so that the next page makes another one.
   * @param {string} reason
   */
  fail(reason) {
    this.#failure = reason;
    for (const page of this.#open.keys()) {
      page.emit("worker.failed", { reason });
    }
    if (this.isShared) {
      void navigator.locks.request(doorOf(this.#scope.name), () => this.#close());
    }
  }

  /** @param {any} port the first message on it is a `Greeting` */
  #greet(port) {
    port.onmessage = (/** @type {MessageEvent<Greeting>} */ { data }) => {
      const page = new Page(port, this.#onEarly);
      void navigator.locks.request(data.lock, () => this.#remove(page));
      this.#add(page);
    };
  }

  /** @param {Page} page */
  #add(page) {
    this.#open.set(page, null);
    void this.#lock.then((lock) => page.emit("worker.here", { lock }));
    if (this.#failure !== null) {
      page.emit("worker.failed", { reason: this.#failure });
    } else if (this.#serve !== null) {
      this.#begin(page);
    }
  }

  /** @param {Page} page */
  #begin(page) {
    const serve = /** @type {Serve} */ (this.#serve);
    this.#open.set(page, serve(page));
    page.emit("worker.ready"); // Python says nothing before its next turn
  }

  /** @param {Page} page one that is gone, or has gone away */
  async #remove(page) {
    const end = this.#open.get(page);
    this.#open.delete(page);
    await end?.();
    const closeUnlessUsed = () => (this.#open.size === 0 ? this.#close() : null);
    if (this.#open.size === 0) {
      const options = { ifAvailable: true }; // else a page is about to connect
      await navigator.locks.request(doorOf(this.#scope.name), options, (lock) => lock && closeUnlessUsed());
    }
  }

  /** Close, and let nobody in until that is done. */
  #close() {
    this.#scope.close();
    return new Promise(() => {});
  }
}

/**
 * Hold a lock as long as this worker lives: pages then learn of its end, however it comes.
 *
 * @param {string} name
 * @returns {Promise<string | null>} the name; null when there are no locks, which browsers have for secure pages only
 */
function holdLock(name) {
  return new Promise((resolve) => {
    if (!navigator.locks) {
      resolve(null);
      return;
    }
    const hold = () => {
      resolve(name);
      return new Promise(() => {});
    };
    navigator.locks.request(name, hold).catch(() => resolve(null));
  });
}
