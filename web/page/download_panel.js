import { mixFetch } from "mix-fetch";

import { field, find, offer, showStatus } from "./elements.js";
import { describeFailure, showFailure } from "./failure.js";
import { formatBytes, formatDuration, formatRemaining, formatSize, formatSpeed, sha256 } from "./format.js";
import { startJob } from "./job.js";
import { log } from "./log.js";
import { TimeChart } from "./time_chart.js";

/** @import { Playground } from "./playground.js" */

const INTERVAL_MS = 250;
const SIZES = [["100 kB", 100_000], ["1 MB", 1_000_000], ["5 MB", 5_000_000], ["20 MB", 20_000_000]];

/**
 * Make the panel that downloads, with progress, speed and a check of the hash.
 *
 * @param {Playground | null} playground
 */
export function startDownloadPanel(playground) {
  const url = field("download-url");
  const chart = new TimeChart(find("download-chart"), {
    title: "Speed",
    period: "the last 15 seconds",
    series: [{ name: "speed", className: "data" }],
    format: formatSpeed,
    span: 60,
  });
  const site = playground?.site.https;
  url.value = site ? `${site}/bytes/1000000` : "";
  offer(
    find("download-sizes"), site ? SIZES.map(([label, size]) => ({ label: String(label), size })) : [],
    ({ size }) => {
      url.value = `${site}/bytes/${size}`;
    });

  /** @param {AbortSignal} signal */
  const run = async (signal) => {
    find("download-result").hidden = false;
    showFailure(find("download-error"), null);
    showStatus(find("download-status"), "waiting for the site…", "busy");
    showStatus(find("download-hash"), "");
    chart.clear();
    const download = new Download(chart);
    log(`download ${url.value}`);
    try {
      const response = await mixFetch(url.value, { signal });
      const bytes = await download.read(response);
      const text = `${formatBytes(bytes.byteLength)} in ${formatDuration(download.elapsedMs)}`;
      const verdict = judge(await sha256(bytes), response);
      showStatus(find("download-status"), response.ok ? `complete: ${text}` : `the site said ${response.status}`,
        response.ok ? "good" : "bad");
      showStatus(find("download-hash"), verdict.text, verdict.kind);
      log(`download complete: ${text}; ${verdict.text}`, verdict.kind === "bad" ? "bad" : "");
    } catch (error) {
      const { code, message } = describeFailure(error);
      showStatus(find("download-status"), code === "AbortError" ? "stopped" : "failed", "bad");
      showFailure(find("download-error"), error, `${formatBytes(download.received)} had arrived.`);
      log(`download: ${message} (${code})`, "bad");
    } finally {
      download.end();
    }
  };
  startJob({
    form: /** @type {HTMLFormElement} */ (find("download-form")),
    start: /** @type {HTMLButtonElement} */ (find("download-start")),
    stop: find("download-stop"),
    run,
  });
}

/** One download: what has come, and how fast. */
class Download {
  received = 0;
  #started = performance.now();
  #ended = 0;
  /** @type {number | null} */
  #total = null;
  #seen = 0;
  #seenAt = this.#started;
  #timer = setInterval(() => this.#look(), INTERVAL_MS);
  #chart;

  /** @param {TimeChart} chart */
  constructor(chart) {
    this.#chart = chart;
    this.#show();
  }

  get elapsedMs() {
    return (this.#ended || performance.now()) - this.#started;
  }

  /** @param {Response} response */
  async read(response) {
    const length = response.headers.get("content-length");
    this.#total = length === null ? null : Number(length);
    showStatus(find("download-status"), "downloading…", "busy");
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const chunks = [];
    const reader = response.body?.getReader();
    for (let item = await reader?.read(); item && !item.done; item = await reader?.read()) {
      chunks.push(/** @type {Uint8Array<ArrayBuffer>} */ (item.value));
      this.received += item.value.byteLength;
    }
    this.end();
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }

  end() {
    if (this.#ended === 0) {
      this.#ended = performance.now();
      clearInterval(this.#timer);
      this.#look();
    }
  }

  #look() {
    const now = performance.now();
    const seconds = (now - this.#seenAt) / 1000;
    if (seconds > 0.05) {
      this.#chart.push([(this.received - this.#seen) / seconds]);
      this.#seen = this.received;
      this.#seenAt = now;
    }
    this.#show();
  }

  #show() {
    const bar = /** @type {HTMLProgressElement} */ (find("download-progress"));
    const total = this.#total;
    if (total === null) {
      bar.removeAttribute("value");
    } else {
      bar.max = total || 1;
      bar.value = this.received;
    }
    if (this.#ended && total === null) {
      bar.value = 0;
    }
    const perSecond = (this.received / this.elapsedMs) * 1000 || 0;
    const left = total !== null && perSecond > 0 ? ((total - this.received) / perSecond) * 1000 : null;
    find("download-received").textContent = formatSize(this.received) + (total ? ` of ${formatSize(total)}` : "");
    find("download-speed").textContent = formatSpeed(perSecond);
    find("download-left").textContent = left === null || this.#ended ? "–" : formatRemaining(left);
  }
}

/**
 * Compare with the hash that the site gives (`Repr-Digest`, RFC 9530).
 *
 * @param {string} hash of what came, in hexadecimal
 * @param {Response} response
 * @returns {{ text: string, kind: "good" | "bad" | "" }}
 */
function judge(hash, response) {
  const promised = /sha-256=:([\w+/=]+):/.exec(response.headers.get("repr-digest") ?? "")?.[1];
  if (promised === undefined) {
    return { text: `SHA-256 ${hash}; the site names none to compare with`, kind: "" };
  }
  const expected = [...atob(promised)].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  return expected === hash
    ? { text: `SHA-256 ${hash}, as the site says`, kind: "good" }
    : { text: `SHA-256 ${hash}, but the site says ${expected}`, kind: "bad" };
}
