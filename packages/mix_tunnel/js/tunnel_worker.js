import { SetupCancelled, WorkerFailed } from "./errors.js";
import { PythonWorker } from "./python_worker.js";

/** @import { Answer, CallOptions } from "./channel.js" */
/** @import { FailureReason, TunnelState } from "./index.js" */

const NO_PROGRESS = { step: "", steps: [], elapsedMs: 0, reason: null, warnings: [], directorySignatures: 0 };
/**
 * What the published package says before its first set-up: "shutdown" it keeps for what is over.
 * @type {TunnelState}
 */
const BEFORE_SETUP = { ...NO_PROGRESS, state: "connecting" };
/** @type {TunnelState} */
const STARTING = { ...BEFORE_SETUP, step: "starting Python in a worker" };

/**
 * One tunnel of the page: its worker, from the first set-up on, and its state. The worker stays when the tunnel is
 * disconnected; when it could not be started, or died, the next set-up starts another one.
 */
export class TunnelWorker {
  /** @type {PythonWorker | null} */
  #worker = null;
  /** @type {Set<(state: TunnelState) => void>} */
  #listeners = new Set();
  /** How long the set-up waited for the worker's start in milliseconds, until the tunnel's states have told it. */
  #waitedMs = 0;
  #name;
  state = BEFORE_SETUP;

  /** @param {string} name what the browser's tools call the worker */
  constructor(name) {
    this.#name = name;
  }

  get isStarted() {
    return this.#worker !== null;
  }

  /** Whether there is no tunnel and none is being set up. */
  get isIdle() {
    const { state, step } = this.state;
    return state === "shutdown" || state === "failed" || (state === "connecting" && step === "");
  }

  /**
   * Start the worker before it is needed; resolves when Python runs in it.
   *
   * @param {URL} [assetsUrl] the folder of worker.js and what it loads; by default that of these files
   * @param {boolean} [isShared] whether the worker and its tunnel are for all pages of the origin
   * @returns {Promise<void>}
   */
  load(assetsUrl, isShared = false) {
    return this.#ensure(assetsUrl, isShared).ready;
  }

  /**
   * Set a tunnel up in the worker, which is started if there is none.
   *
   * @param {Record<string, unknown>} options
   * @param {URL} [assetsUrl] as for `load`
   * @param {boolean} [isShared] as for `load`
   */
  async setup(options, assetsUrl, isShared = false) {
    const worker = this.#ensure(assetsUrl, isShared);
    if (!worker.isReady) {
      if (this.state.step !== STARTING.step) {
        this.#publish(STARTING);
      }
      const since = performance.now();
      worker.ready.then(() => (this.#waitedMs = performance.now() - since), () => {});
    }
    try {
      await worker.channel.call("tunnel.setup", options);
    } catch (error) {
      await this.#refreshState(); // a refused call changes no state in the worker, so none was pushed
      if (this.isIdle) {
        this.#waitedMs = 0; // nor was the worker's start told, which is no step of another set-up
      }
      throw error;
    }
  }

  /** Close the tunnel, or stop setting it up. */
  async disconnect() {
    await this.#worker?.channel.call("tunnel.disconnect");
  }

  /** End the worker and give its memory back, or leave it to other pages. */
  unload() {
    const worker = this.#worker;
    this.#worker = null;
    worker?.stop(new SetupCancelled());
  }

  /**
   * Call a method; rejects when the worker was never started.
   *
   * @param {string} method
   * @param {Record<string, unknown>} [params]
   * @param {CallOptions} [options]
   * @returns {Promise<Answer>}
   */
  async call(method, params, options) {
    if (this.#worker === null) {
      throw new WorkerFailed("the tunnel has no worker");
    }
    return this.#worker.channel.call(method, params, options);
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
  async #refreshState() {
    const answer = await this.#worker?.channel.call("tunnel.state").catch(() => null);
    if (answer && (this.state.step === STARTING.step || answer.value.state !== this.state.state)) {
      this.#publish(answer.value);
    }
  }

  /**
   * The worker that there is, unless it is of the other kind and idle.
   *
   * @param {URL | undefined} assetsUrl
   * @param {boolean} isShared
   */
  #ensure(assetsUrl, isShared) {
    if (this.#worker !== null && this.#worker.isShared !== isShared && this.isIdle) {
      this.unload();
    }
    return (this.#worker ??= this.#start(assetsUrl, isShared));
  }

  /**
   * @param {URL | undefined} assetsUrl
   * @param {boolean} isShared
   */
  #start(assetsUrl, isShared) {
    const worker = new PythonWorker(this.#name, assetsUrl, isShared, (error) => {
      this.#worker = null;
      this.#waitedMs = 0;
      if (!this.isIdle) {
        this.#publish({ ...NO_PROGRESS, state: "failed", reason: describe(error) });
      }
    });
    worker.channel.on("tunnel.state", (state) => this.#publish(this.#withStart(state)));
    return worker;
  }

  /**
   * A tunnel's connecting includes the worker's start, if it had to wait for that.
   * @param {TunnelState} state
   * @returns {TunnelState}
   */
  #withStart(state) {
    if (this.#waitedMs === 0) {
      return state;
    }
    const started = { step: "starting_worker", elapsedMs: this.#waitedMs, error: null };
    if (state.state !== "connecting") {
      this.#waitedMs = 0;
    }
    return { ...state, steps: [started, ...state.steps], elapsedMs: state.elapsedMs + started.elapsedMs };
  }

  /** @param {TunnelState} told */
  #publish(told) {
    const warning = this.#worker?.warning;
    const state = warning ? { ...told, warnings: [pick(warning), ...told.warnings] } : told;
    this.state = state;
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        // One listener's fault must not keep the others, nor the tunnel, from hearing of it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/**
 * @param {WorkerFailed} error
 * @returns {FailureReason}
 */
function describe(error) {
  return { kind: "task_panicked", ...pick(error) };
}

/** @param {import("./mix_error.js").MixError} error */
function pick({ code, message, fields, retryable }) {
  return { code, message, fields, retryable };
}
