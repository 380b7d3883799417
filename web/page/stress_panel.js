import { mixFetch } from "mix-fetch";

import { field, fillRows, find, showStatus } from "./elements.js";
import { describeFailure } from "./failure.js";
import { formatCount, formatDuration, formatSum } from "./format.js";
import { showHistogram } from "./histogram.js";
import { startJob } from "./job.js";
import { repeat } from "./load.js";
import { log } from "./log.js";
import { rememberForm } from "./remembering.js";

/** @import { Playground } from "./playground.js" */

/**
 * Make the panel that sends many requests.
 *
 * @param {Playground | null} playground
 */
export function startStressPanel(playground) {
  const form = /** @type {HTMLFormElement} */ (find("stress-form"));
  field("stress-url").value = playground ? `${playground.site.https}/json` : "";
  rememberForm(form, playground?.site.https ?? "");
  startJob({
    form,
    start: /** @type {HTMLButtonElement} */ (find("stress-start")),
    stop: find("stress-stop"),
    run,
  });
}

/** @param {AbortSignal} signal */
async function run(signal) {
  const url = field("stress-url").value;
  const count = field("stress-count").valueAsNumber;
  const concurrency = field("stress-concurrency").valueAsNumber;
  const tally = new Tally(count);
  find("stress-result").hidden = false;
  showStatus(find("stress-status"), "running…", "busy");
  log(`stress: ${formatSum(count, "request")}, ${concurrency} at once`);
  await repeat({ count, concurrency, signal, act: async () => {
    const started = performance.now();
    try {
      const response = await mixFetch(url, { signal });
      await response.arrayBuffer();
      tally.add(response.ok ? "" : `http status ${response.status}`, performance.now() - started);
    } catch (error) {
      if (!signal.aborted) {
        tally.add(describeFailure(error).code, performance.now() - started);
      }
    }
  } });
  const text = tally.finish(signal.aborted);
  log(`stress: ${text}`, tally.hasFailures ? "bad" : "");
}

/** What became of the requests so far. */
class Tally {
  /** @type {number[]} */
  #times = [];
  /** @type {Map<string, number>} */
  #failures = new Map();
  #started = performance.now();
  #wanted;

  /** @param {number} wanted */
  constructor(wanted) {
    this.#wanted = wanted;
    showHistogram(find("stress-histogram"), "", []);
    this.#show();
  }

  get hasFailures() {
    return this.#failures.size > 0;
  }

  get #failed() {
    return [...this.#failures.values()].reduce((sum, each) => sum + each, 0);
  }

  /**
   * @param {string} failure its code; empty for a success
   * @param {number} elapsedMs
   */
  add(failure, elapsedMs) {
    if (failure === "") {
      this.#times.push(elapsedMs);
    } else {
      this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1);
    }
    this.#show();
  }

  /** @param {boolean} isStopped */
  finish(isStopped) {
    const elapsedMs = performance.now() - this.#started;
    const good = this.#times.length;
    const text = `${formatCount(good)} of ${formatCount(this.#wanted)} succeeded in ${formatDuration(elapsedMs)}`;
    showStatus(find("stress-status"), isStopped ? `stopped: ${text}` : text, good === this.#wanted ? "good" : "bad");
    showHistogram(find("stress-histogram"), "Time to the whole answer", this.#times);
    return text;
  }

  #show() {
    const done = this.#times.length + this.#failed;
    const bar = /** @type {HTMLProgressElement} */ (find("stress-progress"));
    bar.max = this.#wanted;
    bar.value = done;
    const seconds = (performance.now() - this.#started) / 1000;
    find("stress-succeeded").textContent = formatCount(this.#times.length);
    find("stress-failed").textContent = formatCount(this.#failed);
    find("stress-rate").textContent = done > 0 ? `${(done / seconds).toFixed(1)}/s` : "–";
    const rows = [...this.#failures].sort((one, other) => other[1] - one[1]);
    find("stress-failures-box").hidden = rows.length === 0;
    fillRows(find("stress-failures"), rows);
  }
}
