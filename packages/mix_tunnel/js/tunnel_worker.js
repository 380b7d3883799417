import { Channel } from "./channel.js";
import { WorkerFailed } from "./errors.js";

/** @import { CallOptions, Answer } from "./channel.js" */
/** @import { TunnelState } from "./index.js" */

/** @type {TunnelState} */
const SHUTDOWN = { state: "shutdown", step: "", steps: [], elapsedMs: 0, reason: null };

/**
 * A tunnel's worker, started by the first call that needs it. It stays when the tunnel is disconnected; when it could
 * not be started, or died, the next call starts another one.
 */
export class TunnelWorker {
  /** @type {Channel | null} */
  #channel = null;
  /** @type {Set<(state: TunnelState) => void>} */
  #listeners = new Set();
  /** How long the worker's start took in milliseconds, until the first tunnel's state has told it. */
  #startMs = 0;
  #name;
  state = SHUTDOWN;

  /** @param {string} name what the browser's tools call the worker */
  constructor(name) {
    this.#name = name;
  }

  get isStarted() {
    return this.#channel !== null;
  }

  /**
   * @param {string} method
   * @param {Record<string, unknown>} [params]
   * @param {CallOptions} [options]
   * @returns {Promise<Answer>}
   */
  call(method, params, options) {
    this.#channel ??= this.#start();
    return this.#channel.call(method, params, options);
  }

  /**
   * @param {(state: TunnelState) => void} listener
   * @returns {() => void}
   */
  onState(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ask the worker for its state, and tell it if it is another than what was told last. */
  async refreshState() {
    const answer = await this.#channel?.call("tunnel.state").catch(() => null);
    if (answer && answer.value.state !== this.state.state) {
      this.#publish(answer.value);
    }
  }

  #start() {
    const started = performance.now();
    let isReady = false;
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: this.#name });
    const channel = new Channel(worker);
    /** @param {string} [reason] what the browser or the worker says, if anything */
    const fail = (reason) => {
      worker.terminate();
      this.#channel = null;
      const sentence = isReady ? "the tunnel's worker has failed" : "the tunnel's worker could not be started";
      const advice = isReady ? "set the tunnel up again" : "check that all its files are served";
      const error = new WorkerFailed(`${sentence}: ${reason || advice}`, { retryable: true });
      const { code, fields, retryable } = error;
      channel.break(error);
      this.#publish({ ...SHUTDOWN, state: "failed", reason: { code, message: error.message, fields, retryable } });
    };
    worker.addEventListener("error", (event) => fail(event.message));
    worker.addEventListener("messageerror", () => fail());
    channel.on("worker.failed", ({ reason }) => fail(reason));
    channel.on("worker.ready", () => {
      isReady = true;
      this.#startMs = performance.now() - started;
    });
    channel.on("tunnel.state", (state) => this.#publish(this.#withStart(state)));
    this.#publish({ ...SHUTDOWN, state: "connecting", step: "starting Python in a worker" });
    return channel;
  }

  /**
   * The first tunnel's connecting includes the worker's start.
   * @param {TunnelState} state
   * @returns {TunnelState}
   */
  #withStart(state) {
    if (this.#startMs === 0) {
      return state;
    }
    const started = { step: "starting_worker", elapsedMs: this.#startMs };
    if (state.state !== "connecting") {
      this.#startMs = 0;
    }
    return { ...state, steps: [started, ...state.steps], elapsedMs: state.elapsedMs + started.elapsedMs };
  }

  /** @param {TunnelState} state */
  #publish(state) {
    this.state = state;
    for (const listener of [...this.#listeners]) {
      listener(state);
    }
  }
}
