import { disconnectMixTunnel, onTunnelState, setupMixTunnel } from "mix-tunnel";

import { find, make } from "./elements.js";
import { showFailure } from "./failure.js";
import { formatDuration } from "./format.js";
import { log } from "./log.js";
import { startTunnelOptions } from "./tunnel_options.js";

/** @import { TunnelState, TunnelStep } from "mix-tunnel" */
/** @import { Playground } from "./playground.js" */

const STATE_WORDS = {
  connecting: "connecting",
  ready: "ready",
  shutting_down: "disconnecting",
  shutdown: "not connected",
  failed: "failed",
};
/** What a step has done that succeeded, and what one could not do that led nowhere. */
const STEP_WORDS = new Map(Object.entries({
  starting_worker: ["started Python in a worker", "could not start Python in a worker"],
  fetching_directory: ["fetched the directory", "could not fetch the directory"],
  choosing_gateway: ["chose an entry gateway", "could not choose an entry gateway"],
  connecting_gateway: ["connected to the gateway", "could not connect to the gateway"],
  registering: ["registered with the gateway", "could not register with the gateway"],
  asking_exit: ["asked the exit for an address", "could not get an address from the exit"],
}));
/** What can be done with the panels while a tunnel is not ready. */
const HINTS = {
  shutdown: "Connect the tunnel, then try these.",
  connecting: "The tunnel is connecting; then try these.",
  again: "The tunnel is connecting again. What was begun waits for it; new things can be tried when it is ready.",
  shutting_down: "The tunnel is being disconnected.",
  failed: "The tunnel has failed, and says why beside its steps. Connect it again, then try these.",
  ready: "",
};
/** Windows narrower than this have everything in one column, where options would be in the way of the panels. */
const ONE_COLUMN = "(max-width: 60rem)";

/**
 * Make the panel that connects and disconnects.
 *
 * @param {Playground | null} playground
 */
export function startTunnelPanel(playground) {
  const connect = /** @type {HTMLButtonElement} */ (find("connect"));
  const disconnect = /** @type {HTMLButtonElement} */ (find("disconnect"));
  const form = /** @type {HTMLFormElement} */ (find("tunnel-form"));
  const options = /** @type {HTMLFieldSetElement} */ (find("tunnel-options"));
  const readOptions = startTunnelOptions(playground);
  let wasReady = false;
  let tries = 0;
  let toldWarnings = 0;
  let toldFailure = "";
  let lastLine = "";

  /** @type {HTMLDetailsElement} */ (find("tunnel-options-box")).open = !matchMedia(ONE_COLUMN).matches;

  /** @param {readonly TunnelStep[]} steps */
  const logFailures = (steps) => {
    const last = steps.at(-1);
    const failure = last?.error ? `${wordsOf(last)}: ${last.error.message} (${last.error.code})` : "";
    if (failure !== "" && failure !== toldFailure) { // each attempt fails in the same way
      log(failure, "bad");
    }
    toldFailure = last?.error || steps.length === 0 ? failure : toldFailure;
  };

  onTunnelState((told) => {
    // A first set-up that was refused leaves the state of before: "connecting", without a step.
    const isIdle = told.state === "connecting" && told.step === "";
    const state = isIdle ? { ...told, state: /** @type {const} */ ("shutdown"), reason: null } : told;
    const isOff = state.state === "shutdown" || state.state === "failed";
    const isAgain = wasReady && state.state === "connecting";
    wasReady = state.state === "ready" || isAgain;
    document.body.dataset["tunnel"] = state.state;
    find("tunnel-state").textContent = isAgain ? "connecting again" : STATE_WORDS[state.state];
    moveFocus(isOff ? disconnect : connect, isOff ? connect : disconnect);
    connect.disabled = !isOff;
    options.disabled = !isOff;
    disconnect.disabled = isOff; // not before: it would lose the keyboard's focus
    showSteps(state);
    find("try-hint").textContent = HINTS[isAgain ? "again" : state.state];
    logFailures(state.steps);
    showFailure(find("tunnel-error"), state.state === "failed" ? state.reason : null);
    const note = find("tunnel-note");
    note.textContent = isAgain && state.reason
      ? `Connecting again: ${state.reason.message}. What you started waits for it.`
      : state.warnings.map(({ message }) => `${message}.`).join(" ");
    note.hidden = note.textContent === "";
    const line = describe(state);
    if (line !== lastLine) { // each step of connecting again comes with the same reason
      log(line, state.state === "failed" ? "bad" : "");
    }
    lastLine = line;
    for (const { message, code } of state.warnings.slice(toldWarnings)) {
      log(`tunnel warning: ${message} (${code})`, "bad");
    }
    toldWarnings = state.warnings.length;
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (connect.disabled) {
      return;
    }
    connect.disabled = true;
    showFailure(find("tunnel-error"), null);
    const thisTry = ++tries;
    try {
      await setupMixTunnel(readOptions());
    } catch (error) {
      if (thisTry === tries) { // the state told of the end before: another try may be under way
        showFailure(find("tunnel-error"), error);
        connect.disabled = document.body.dataset["tunnel"] === "ready";
      }
    }
  });
  disconnect.addEventListener("click", () => {
    disconnectMixTunnel().catch((error) => log(`disconnecting failed: ${error.message}`, "bad"));
  });
  form.addEventListener("invalid", showOptions, { capture: true }); // the event does not bubble
  connect.disabled = options.disabled = false; // not before: what was pressed or chosen would be lost
}

/** A field that is refused must be seen. */
function showOptions() {
  /** @type {HTMLDetailsElement} */ (find("tunnel-options-box")).open = true;
  /** @type {HTMLDetailsElement} */ (find("tunnel-more")).open = true;
}

/**
 * Keep the keyboard where the next action is: a disabled button loses the focus.
 *
 * @param {HTMLButtonElement} from
 * @param {HTMLButtonElement} to
 */
function moveFocus(from, to) {
  if (document.activeElement === from) {
    to.disabled = false;
    to.focus();
  }
}

/** @param {TunnelStep} taken */
function wordsOf({ step, error }) {
  return STEP_WORDS.get(step)?.[error ? 1 : 0] ?? step;
}

/**
 * Attempts that fail in the same way are one line.
 *
 * @param {readonly TunnelStep[]} steps
 */
function countRepeats(steps) {
  /** @type {{ taken: TunnelStep, times: number, elapsedMs: number }[]} */
  const counted = [];
  for (const taken of steps) {
    const last = counted.at(-1);
    if (last?.taken.error && taken.error && last.taken.step === taken.step) {
      last.times += 1;
      last.elapsedMs += taken.elapsedMs;
    } else {
      counted.push({ taken, times: 1, elapsedMs: taken.elapsedMs });
    }
  }
  return counted;
}

/** @param {TunnelState} state */
function describe({ state, step, elapsedMs, reason }) {
  if (reason) {
    return `tunnel ${STATE_WORDS[state]}: ${reason.message} (${reason.code})`;
  }
  const detail = state === "connecting" && step ? `: ${step}` : "";
  return `tunnel ${STATE_WORDS[state]}${state === "ready" ? ` after ${formatDuration(elapsedMs)}` : detail}`;
}

/**
 * Steps are open while they are taken, or when they led nowhere; afterwards a line says how long they took.
 * @param {TunnelState} state
 */
function showSteps({ state, step, steps, elapsedMs }) {
  const box = /** @type {HTMLDetailsElement} */ (find("steps-box"));
  box.hidden = state === "shutdown" || state === "shutting_down";
  if (state === "shutdown" || state === "shutting_down") {
    return;
  }
  box.open = state !== "ready";
  const took = formatDuration(elapsedMs);
  find("steps-summary").textContent = { connecting: "Connecting", ready: `Ready after ${took}`, failed: "Failed" }[state];
  /**
   * @param {string} className
   * @param {string} text
   * @param {number} [ms]
   */
  const line = (className, text, ms) =>
    make("li", className, make("span", "", text), make("time", "", ms === undefined ? "" : formatDuration(ms)));
  const lines = countRepeats(steps).map(({ taken, times, elapsedMs: ms }) => (
    line(taken.error ? "failed" : "", `${wordsOf(taken)}${times > 1 ? `, ${times} times` : ""}`, ms)));
  if (state === "connecting" && step) {
    lines.push(line("now", step));
  } else if (state !== "connecting") {
    lines.push(line("total", "in all", elapsedMs));
  }
  find("steps").replaceChildren(...lines);
}
