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
  /** @type {Flight | null} */
  let flight = null;

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
    const size = Math.max(field("burst-size").valueAsNumber, NUMBER_BYTES);
    flight = new Flight(field("burst-count").valueAsNumber, size);
    await run(socket, flight);
    flight = null;
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
    /**
     * Whether a message is an echo that the burst waits for; others are somebody else's.
     *
     * @param {unknown} data
     */
    isEcho: (data) => flight?.sentAtOf(data) !== undefined,
  };
}

/** The messages of one burst that are on their way. */
class Flight {
  /** @type {Map<number, number>} */
  #sentAt = new Map();

  /**
   * @param {number} count messages
   * @param {number} size of each, in bytes
   */
  constructor(count, size) {
    this.count = count;
    this.size = size;
  }

  /** @param {number} number */
  makeMessage(number) {
    const message = new Uint8Array(this.size);
    new DataView(message.buffer).setUint32(0, number);
    this.#sentAt.set(number, performance.now());
    return message;
  }

  /**
   * When the message was sent of which this is the echo.
   *
   * @param {unknown} data
   */
  sentAtOf(data) {
    return this.#sentAt.get(this.#numberOf(data));
  }

  /** @param {unknown} data an echo, which is awaited no longer */
  remove(data) {
    this.#sentAt.delete(this.#numberOf(data));
  }

  /** @param {unknown} data */
  #numberOf(data) {
    return data instanceof ArrayBuffer && data.byteLength === this.size ? new DataView(data).getUint32(0) : -1;
  }
}

/**
 * @param {MixWebSocket} socket
 * @param {Flight} flight
 */
async function run(socket, flight) {
  const { count } = flight;
  const status = find("burst-status");
  const bar = /** @type {HTMLProgressElement} */ (find("burst-progress"));
  bar.max = count;
  bar.value = 0;
  find("burst-result").hidden = false;
  showHistogram(find("burst-histogram"), "", []);
  showStatus(status, "running…", "busy");
  const started = performance.now();
  const times = await new Promise((/** @type {(times: number[]) => void} */ resolve) => {
    /** @type {number[]} */
    const seen = [];
    /** @param {MessageEvent} event */
    const receive = ({ data }) => {
      const sentAt = flight.sentAtOf(data);
      if (sentAt === undefined) {
        return;
      }
      flight.remove(data);
      seen.push(performance.now() - sentAt);
      bar.value = seen.length;
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
      socket.send(flight.makeMessage(number)).catch(end);
    }
  });
  const elapsedMs = performance.now() - started;
  const text = `${formatCount(times.length)} of ${formatCount(count)} echoes in ${formatDuration(elapsedMs)}, ` +
    `${((times.length / elapsedMs) * 1000).toFixed(1)} a second`;
  showStatus(status, text, times.length === count ? "good" : "bad");
  showHistogram(find("burst-histogram"), "Time from sending to the echo", times);
  log(`WebSocket burst: ${text}`, times.length === count ? "" : "bad");
}
