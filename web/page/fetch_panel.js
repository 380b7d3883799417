import { mixFetch } from "mix-fetch";

import { field, find, offer, showStatus } from "./elements.js";
import { FetchAnswer } from "./fetch_answer.js";
import { formatBytes, formatDuration } from "./format.js";
import { startJob } from "./job.js";
import { log } from "./log.js";
import { rememberForm } from "./remembering.js";

/** @import { Outcome } from "./fetch_answer.js" */
/** @import { Playground } from "./playground.js" */

const BODYLESS = new Set(["GET", "HEAD", "DELETE"]);
const ELSEWHERE =
  "A direct request would tell the site who you are, and this page's policy allows none: " +
  "it may speak to its own server only, where a copy of the demo site stands for comparison.";

/**
 * Make the panel that fetches, through the tunnel and directly.
 *
 * @param {Playground | null} playground
 */
export function startFetchPanel(playground) {
  const form = /** @type {HTMLFormElement} */ (find("fetch-form"));
  const [method, url, body] = [field("fetch-method"), field("fetch-url"), field("fetch-request-body")];
  const headers = field("fetch-request-headers");
  const through = new FetchAnswer(find("fetch-answer"), "fetch", "Through the tunnel");
  const direct = new FetchAnswer(find("direct-answer"), "direct", "Directly");

  const showBody = () => {
    find("fetch-body-label").hidden = BODYLESS.has(method.value);
  };
  url.value = playground?.examples[0]?.url ?? "https://example.org/";
  rememberForm(form, playground?.site.https ?? "");
  method.addEventListener("change", showBody);
  showBody();
  offer(find("fetch-examples"), playground?.examples ?? [], (example) => {
    url.value = example.url;
    body.value = example.body ?? "";
    method.value = example.method ?? "GET";
    showBody();
  });

  const run = async (/** @type {AbortSignal} */ signal) => {
    /** @type {RequestInit} */
    const request = {
      method: method.value,
      headers: parseHeaders(headers.value),
      body: BODYLESS.has(method.value) ? null : body.value,
      signal,
    };
    const what = `${method.value} ${url.value}`;
    find("fetch-answers").hidden = false;
    showStatus(find("fetch-comparison"), "");
    log(what);
    const twin = findTwin(url.value, playground);
    const isCompared = field("fetch-direct").checked;
    find("direct-answer").hidden = !isCompared;
    if (isCompared && twin === null) {
      direct.explain(ELSEWHERE);
    }
    const [ours, theirs] = await Promise.all([
      through.run(() => mixFetch(url.value, request)),
      isCompared && twin !== null ? direct.run(() => fetch(twin, request)) : null,
    ]);
    log(describe(what, ours), ours.failure ? "bad" : "");
    showStatus(find("fetch-comparison"), theirs === null ? "" : compare(ours, theirs));
  };
  startJob({
    form,
    start: /** @type {HTMLButtonElement} */ (find("fetch-send")),
    stop: find("fetch-stop"),
    run,
  });
}

/**
 * Where the demo site's answer can be had without the tunnel: at this page's own server, or nowhere.
 *
 * @param {string} url
 * @param {Playground | null} playground
 */
function findTwin(url, playground) {
  for (const origin of playground ? [playground.site.https, playground.site.http] : []) {
    if (url === origin || url.startsWith(`${origin}/`)) {
      return playground?.site.direct + (url.slice(origin.length) || "/");
    }
  }
  return null;
}

/**
 * Lines such as `Accept: text/plain`.
 *
 * @param {string} text
 * @returns {[string, string][]}
 */
function parseHeaders(text) {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, Math.max(colon, 0)).trim(), line.slice(colon + 1).trim()];
  });
}

/**
 * @param {string} what
 * @param {Outcome} outcome
 */
function describe(what, { status, bytes, elapsedMs, failure }) {
  return failure
    ? `${what}: ${failure.message} (${failure.code})`
    : `${status}, ${formatBytes(bytes)} in ${formatDuration(elapsedMs)}`;
}

/**
 * @param {Outcome} ours through the tunnel
 * @param {Outcome} theirs directly
 */
function compare(ours, theirs) {
  if (ours.failure?.code === "AbortError") {
    return "";
  }
  if (ours.failure || theirs.failure) {
    const same = ours.failure && theirs.failure;
    return same ? "Both failed." : `Only the one ${ours.failure ? "through the tunnel" : "sent directly"} failed.`;
  }
  const times = Math.max(1, Math.round(ours.elapsedMs / Math.max(theirs.elapsedMs, 0.1)));
  const price = `The tunnel took ${times} times as long: that is what privacy costs here.`;
  if (ours.hash === theirs.hash) {
    return `${ours.bytes > 0 ? `Both bodies are the same ${formatBytes(ours.bytes)}.` : "Both bodies are empty."} ${price}`;
  }
  return `The bodies differ: the site told each visitor what it saw of it. ${price}`;
}
