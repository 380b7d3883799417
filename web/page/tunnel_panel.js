import { MixError, disconnectMixTunnel, getTunnelStats, onTunnelState, setupMixTunnel } from "mix-tunnel";

import { find, formatDuration, make } from "./elements.js";
import { log } from "./log.js";

/** @import { SetupMixTunnelOptions, TunnelState } from "mix-tunnel" */

const STATS_INTERVAL_MS = 1000;
const STATE_WORDS = {
  connecting: "connecting",
  ready: "ready",
  shutting_down: "shutting down",
  shutdown: "shutdown",
  failed: "failed",
};

/**
 * Make the panel that connects and disconnects.
 *
 * @param {SetupMixTunnelOptions} options
 * @param {(isReady: boolean) => void} onReady
 */
export function startTunnelPanel(options, onReady) {
  const connect = /** @type {HTMLButtonElement} */ (find("connect"));
  const disconnect = /** @type {HTMLButtonElement} */ (find("disconnect"));
  const cover = /** @type {HTMLInputElement} */ (find("cover"));
  let statsTimer = 0;

  onTunnelState((state) => {
    document.body.dataset["tunnel"] = state.state;
    find("route").dataset["state"] = state.state;
    find("tunnel-state").textContent = STATE_WORDS[state.state];
    const isOff = state.state === "shutdown" || state.state === "failed";
    connect.disabled = !isOff;
    cover.disabled = !isOff;
    disconnect.disabled = isOff || state.state === "shutting_down";
    showSteps(state);
    showError(state.reason);
    clearInterval(statsTimer);
    find("stats").hidden = state.state !== "ready";
    if (state.state === "ready") {
      statsTimer = setInterval(() => void showStats(), STATS_INTERVAL_MS);
      void showStats();
    }
    log(state.reason ? `tunnel ${state.state}: ${state.reason.message}` : `tunnel ${state.state}${describe(state)}`,
      state.state === "failed" ? "bad" : "");
    onReady(state.state === "ready");
  });

  connect.addEventListener("click", async () => {
    connect.disabled = true;
    const quiet = { disableCoverTraffic: !cover.checked, disablePoissonTraffic: !cover.checked };
    try {
      await setupMixTunnel({ ...options, ...quiet });
    } catch (error) {
      connect.disabled = false;
      showError(error instanceof MixError ? error : { code: "", message: String(error) });
    }
  });
  disconnect.addEventListener("click", () => {
    disconnect.disabled = true;
    disconnectMixTunnel().catch((error) => log(`disconnecting failed: ${error.message}`, "bad"));
  });
}

/** @param {TunnelState} state */
function describe({ state, step, elapsedMs }) {
  if (state === "connecting") {
    return step ? `: ${step}` : "";
  }
  return state === "ready" ? ` after ${formatDuration(elapsedMs)}` : "";
}

/** @param {TunnelState} state */
function showSteps({ state, step, steps, elapsedMs }) {
  if (state === "shutdown" || state === "shutting_down") {
    return;
  }
  /**
   * @param {string} className
   * @param {string} text
   * @param {number} [ms]
   */
  const line = (className, text, ms) =>
    make("li", className, make("span", "", text), make("time", "", ms === undefined ? "" : formatDuration(ms)));
  const lines = steps.map((taken) => line("", taken.step.replaceAll("_", " "), taken.elapsedMs));
  if (state === "connecting" && step) {
    lines.push(line("now", step));
  } else if (state === "ready") {
    lines.push(line("total", "ready", elapsedMs));
  } else if (state === "failed") {
    lines.push(line("failed", "failed", elapsedMs));
  }
  find("steps").replaceChildren(...lines);
}

/** @param {{ code: string, message: string } | null} error */
function showError(error) {
  const box = find("tunnel-error");
  box.hidden = error === null;
  box.replaceChildren(...(error ? [error.message, " ", make("code", "", error.code)] : []));
}

async function showStats() {
  const stats = await getTunnelStats().catch(() => null); // it may have ended meanwhile
  if (stats) {
    find("stat-round-trip").textContent = stats.roundTripMs === null ? "–" : formatDuration(stats.roundTripMs);
    find("stat-real").textContent = stats.realPacketsSent.toLocaleString("en");
    find("stat-cover").textContent = stats.coverPacketsSent.toLocaleString("en");
    find("stat-again").textContent = stats.retransmittedPackets.toLocaleString("en");
  }
}
