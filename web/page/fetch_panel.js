import { mixFetch } from "mix-fetch";

import { find, formatBytes, formatDuration, make } from "./elements.js";
import { log } from "./log.js";

const BODYLESS = new Set(["GET", "HEAD", "DELETE"]);
/** Characters of a body that are shown. */
const MAX_SHOWN = 20_000;

/** Make the panel that fetches; the returned function tells it whether the tunnel is ready. */
export function startFetchPanel() {
  const form = /** @type {HTMLFormElement} */ (find("fetch-form"));
  const method = /** @type {HTMLSelectElement} */ (find("fetch-method"));
  const url = /** @type {HTMLInputElement} */ (find("fetch-url"));
  const body = /** @type {HTMLTextAreaElement} */ (find("fetch-request-body"));
  const send = /** @type {HTMLButtonElement} */ (find("fetch-send"));
  const stop = find("fetch-stop");
  let isReady = false;
  /** @type {AbortController | null} */
  let running = null;

  const update = () => {
    send.disabled = !isReady || running !== null;
    stop.hidden = running === null;
    body.hidden = BODYLESS.has(method.value);
  };
  method.addEventListener("change", update);
  stop.addEventListener("click", () => running?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) {
      return;
    }
    running = new AbortController();
    update();
    await runFetch(url.value, {
      method: method.value,
      body: BODYLESS.has(method.value) ? null : body.value,
      signal: running.signal,
    });
    running = null;
    update();
  });
  update();

  return (/** @type {boolean} */ nowReady) => {
    isReady = nowReady;
    update();
  };
}

/**
 * Offer URLs to try.
 *
 * @param {{ label: string, url: string, method?: string, body?: string }[]} examples
 */
export function offerExamples(examples) {
  const box = find("examples");
  box.hidden = examples.length === 0;
  for (const { label, url, method = "GET", body = "" } of examples) {
    const button = make("button", "", label);
    button.setAttribute("type", "button");
    button.addEventListener("click", () => {
      /** @type {HTMLInputElement} */ (find("fetch-url")).value = url;
      /** @type {HTMLTextAreaElement} */ (find("fetch-request-body")).value = body;
      const select = /** @type {HTMLSelectElement} */ (find("fetch-method"));
      select.value = method;
      select.dispatchEvent(new Event("change"));
    });
    box.append(button);
  }
}

/**
 * @param {string} url
 * @param {RequestInit} init
 */
async function runFetch(url, init) {
  const started = performance.now();
  const elapsed = () => formatDuration(performance.now() - started);
  clearAnswer();
  showStatus("waiting…", "busy");
  log(`${init.method} ${url}`);
  let received = 0;
  try {
    const response = await mixFetch(url, init);
    showStatus(`${response.status} ${response.statusText}`.trim(), response.ok ? "good" : "bad");
    find("fetch-time").textContent = `answered after ${elapsed()}`;
    showHeaders(response.headers);
    const whole = await readBody(response, (count) => {
      received = count;
      find("fetch-size").textContent = formatBytes(received);
    });
    find("fetch-time").textContent = `complete after ${elapsed()}`;
    find("fetch-size").textContent = formatBytes(whole.byteLength);
    find("fetch-body").textContent = describeBody(whole, response.headers.get("content-type") ?? "");
    await showHash(whole);
    log(`${response.status}, ${formatBytes(whole.byteLength)} in ${elapsed()}`);
  } catch (error) {
    const { name, message, code } = /** @type {Error & { code?: string | number }} */ (error);
    const isAbort = name === "AbortError";
    showStatus(isAbort ? "stopped" : "failed", "bad");
    find("fetch-time").textContent = `after ${elapsed()}`;
    const box = find("fetch-error");
    box.hidden = false;
    const detail = received > 0 ? ` (${formatBytes(received)} had arrived)` : "";
    box.replaceChildren(message, detail, " ", make("code", "", isAbort ? name : String(code ?? name)));
    log(`${init.method} ${url}: ${message}`, "bad");
  }
}

/**
 * Read a body to its end, telling how far it has come.
 *
 * @param {Response} response
 * @param {(count: number) => void} onProgress
 */
async function readBody(response, onProgress) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  let count = 0;
  const reader = response.body?.getReader();
  for (let item = await reader?.read(); item && !item.done; item = await reader?.read()) {
    chunks.push(/** @type {Uint8Array<ArrayBuffer>} */ (item.value));
    count += item.value.byteLength;
    onProgress(count);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/**
 * @param {Uint8Array} bytes
 * @param {string} type
 */
function describeBody(bytes, type) {
  if (!/^text\/|json|xml|javascript/.test(type)) {
    const start = [...bytes.subarray(0, 256)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return bytes.byteLength > 256 ? `${start} …` : start;
  }
  const text = new TextDecoder().decode(bytes);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function showHash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  find("fetch-hash").textContent = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  find("hash-box").hidden = false;
}

/** @param {Headers} headers */
function showHeaders(headers) {
  find("headers-box").hidden = false;
  find("fetch-headers").replaceChildren(
    ...[...headers].map(([name, value]) => make("tr", "", make("td", "", name), make("td", "", value))));
}

/**
 * @param {string} text
 * @param {"good" | "busy" | "bad"} kind
 */
function showStatus(text, kind) {
  find("fetch-status").textContent = text;
  find("fetch-status").dataset["kind"] = kind;
}

function clearAnswer() {
  find("answer").hidden = false;
  for (const id of ["fetch-time", "fetch-size", "fetch-body", "fetch-hash"]) {
    find(id).textContent = "";
  }
  for (const id of ["fetch-error", "headers-box", "hash-box"]) {
    find(id).hidden = true;
  }
}
