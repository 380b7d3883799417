import { fillRows, find, showStatus } from "./elements.js";
import { describeFailure, showFailure } from "./failure.js";
import { formatBytes, formatDuration, sha256 } from "./format.js";

/** Characters of a body that are shown. */
const MAX_SHOWN = 20_000;
const MAX_SHOWN_BYTES = 256;
const TEXT_TYPES = /^text\/|json|xml|javascript/;

/**
 * How a fetch ended.
 * @typedef {object} Outcome
 * @property {number} status 0 when it failed
 * @property {number} bytes
 * @property {string} hash
 * @property {number} elapsedMs
 * @property {{ code: string, message: string } | null} failure
 */

/** One answer as it comes in: status, times, headers, body; made from the page's template. */
export class FetchAnswer {
  #element;
  #started = 0;
  #received = 0;

  /**
   * @param {HTMLElement} box what is filled
   * @param {string} prefix of the test ids
   * @param {string} title
   */
  constructor(box, prefix, title) {
    const template = /** @type {HTMLTemplateElement} */ (/** @type {unknown} */ (find("answer-template")));
    box.replaceChildren(template.content.cloneNode(true));
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-part]"))) {
      part.dataset["testid"] = `${prefix}-${part.dataset["part"]}`;
    }
    this.#element = box;
    this.#part("title").textContent = title;
    this.#part("body").setAttribute("aria-label", `Body, ${title.toLowerCase()}`);
    this.clear("");
  }

  /**
   * Forget what was shown.
   * @param {string} status
   */
  clear(status) {
    showStatus(this.#part("status"), status);
    for (const name of ["time", "size", "body", "hash", "note"]) {
      this.#part(name).textContent = "";
    }
    for (const name of ["headers-box", "hash-box", "note"]) {
      this.#part(name).hidden = true;
    }
    showFailure(this.#part("error"), null);
  }

  /**
   * Say why there is no answer, which is no failure.
   * @param {string} text
   */
  explain(text) {
    this.clear("not asked");
    this.#part("note").hidden = false;
    this.#part("note").textContent = text;
  }

  /**
   * Send a request and show all that comes.
   *
   * @param {() => Promise<Response>} send
   * @returns {Promise<Outcome>}
   */
  async run(send) {
    this.#started = performance.now();
    this.#received = 0;
    this.clear("");
    showStatus(this.#part("status"), "waiting…", "busy");
    try {
      const response = await send();
      showStatus(this.#part("status"), `${response.status} ${response.statusText}`.trim(), response.ok ? "good" : "bad");
      this.#part("time").textContent = `answered after ${formatDuration(this.#elapsedMs)}`;
      this.#showHead(response);
      const body = await this.#readBody(response);
      const elapsedMs = this.#elapsedMs;
      this.#part("time").textContent = `complete after ${formatDuration(elapsedMs)}`;
      this.#part("size").textContent = formatBytes(body.byteLength);
      this.#part("body").textContent = describeBody(body, response.headers.get("content-type") ?? "");
      const hash = await sha256(body);
      this.#part("hash").textContent = hash;
      this.#part("hash-box").hidden = false;
      return { status: response.status, bytes: body.byteLength, hash, elapsedMs, failure: null };
    } catch (error) {
      const failure = describeFailure(error);
      showStatus(this.#part("status"), failure.code === "AbortError" ? "stopped" : "failed", "bad");
      this.#part("time").textContent = `after ${formatDuration(this.#elapsedMs)}`;
      const detail = this.#received > 0 ? `${formatBytes(this.#received)} had arrived.` : "";
      showFailure(this.#part("error"), error, detail);
      return { status: 0, bytes: this.#received, hash: "", elapsedMs: this.#elapsedMs, failure };
    }
  }

  get #elapsedMs() {
    return performance.now() - this.#started;
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#element.querySelector(`[data-part="${name}"]`));
  }

  /** @param {Response} response */
  #showHead(response) {
    const rows = [...response.headers];
    this.#part("headers-box").hidden = false;
    this.#part("headers-count").textContent = String(rows.length);
    fillRows(this.#part("headers"), rows);
    this.#part("note").hidden = !response.redirected;
    this.#part("note").textContent = response.redirected ? `Redirected to ${response.url}` : "";
  }

  /** @param {Response} response */
  async #readBody(response) {
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const chunks = [];
    const reader = response.body?.getReader();
    for (let item = await reader?.read(); item && !item.done; item = await reader?.read()) {
      chunks.push(/** @type {Uint8Array<ArrayBuffer>} */ (item.value));
      this.#received += item.value.byteLength;
      this.#part("size").textContent = formatBytes(this.#received);
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {string} type
 */
function describeBody(bytes, type) {
  if (!TEXT_TYPES.test(type)) {
    const start = [...bytes.subarray(0, MAX_SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return bytes.byteLength > MAX_SHOWN_BYTES ? `${start} …` : start;
  }
  const text = new TextDecoder().decode(bytes);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
