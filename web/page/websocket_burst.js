import { field, find, showStatus } from "./elements.js";
import { formatCount, formatDuration } from "./format.js";
import { showHistogram } from "./histogram.js";
import { log } from "./log.js";

/** @import { MixWebSocket } from "mix-websocket" */

/** Each message begins with its number in so many bytes. */
const NUMBER_BYTES = 4;

/** Make the part that sends many messages at once and times their echoes. */
export function startBurst() {
  const start = /** @type {HTMLButtonElement} */ (find("burst-start"));
  const form = /** @type {HTMLFormElement} */ (find("burst-form"));
  /** @type {MixWebSocket | null} */
  let socket = null;
  let isRunning = false;

  const update = () => {
    start.disabled = socket === null || isRunning;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (socket === null || isRunning) {
      return;
    }
    isRunning = true;
    update();
    find("socket").classList.add("bursting");
    await run(socket, field("burst-count").valueAsNumber, field("burst-size").valueAsNumber);
    find("socket").classList.remove("bursting");
    isRunning = false;
    update();
  });
  update();
  return {
    /** @param {MixWebSocket | null} open the connection to use, if one is open */
    use(open) {
      socket = open;
      update();
    },
  };
}

/**
 * @param {MixWebSocket} socket
 * @param {number} count
 * @param {number} size
 */
async function run(socket, count, size) {
  const status = find("burst-status");
  const bar = /** @type {HTMLProgressElement} */ (find("burst-progress"));
  bar.max = count;
  bar.value = 0;
  find("burst-result").hidden = false;
  showHistogram(find("burst-histogram"), "", []);
  showStatus(status, "running…", "busy");
  const started = performance.now();
  /** @type {number[]} */
  const sentAt = [];
  const times = await new Promise((/** @type {(times: number[]) => void} */ resolve) => {
    /** @type {number[]} */
    const seen = [];
    /** @param {MessageEvent} event */
    const receive = ({ data }) => {
      const number = data instanceof ArrayBuffer ? new DataView(data).getUint32(0) : -1;
      const began = sentAt[number];
      if (began !== undefined) {
        seen.push(performance.now() - began);
        bar.value = seen.length;
      }
      if (seen.length === count) {
        end();
      }
    };
    const end = () => {
      socket.removeEventListener("message", receive);
      socket.removeEventListener("close", end);
      resolve(seen);
    };
    socket.addEventListener("message", receive);
    socket.addEventListener("close", end);
    for (let number = 0; number < count; number += 1) {
      const message = new Uint8Array(Math.max(size, NUMBER_BYTES));
      new DataView(message.buffer).setUint32(0, number);
      sentAt.push(performance.now());
      socket.send(message).catch(end);
    }
  });
  const elapsedMs = performance.now() - started;
  const text = `${formatCount(times.length)} of ${formatCount(count)} echoes in ${formatDuration(elapsedMs)}, ` +
    `${((times.length / elapsedMs) * 1000).toFixed(1)} a second`;
  showStatus(status, text, times.length === count ? "good" : "bad");
  showHistogram(find("burst-histogram"), "Time from sending to the echo", times);
  log(`WebSocket burst: ${text}`, times.length === count ? "" : "bad");
}
