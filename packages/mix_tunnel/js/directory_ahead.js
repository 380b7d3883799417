/**
 * The directory's documents, asked for as soon as a page wants a tunnel, while Python still starts. Python asks as
 * always, is given the answer that is under way, and checks it as always.
 */

/** As Python's `TunnelOptions` and `runtime/directory` have them; a test compares. */
const DEFAULT_DIRECTORY = "https://validator.nymtech.net/api";
const DOCUMENTS = [
  "v1/epoch/key-rotation-info",
  "v1/nym-nodes/rewarded-set",
  "v2/unstable/nym-nodes/skimmed/mixnodes/active?page=0",
  "v2/unstable/nym-nodes/skimmed/entry-gateways?page=0",
  "v2/nym-nodes/described?page=0",
];
/** Needed to choose an exit; not when the page has chosen one. */
const ALL_NODES = "v2/unstable/nym-nodes/skimmed?page=0";
/** All of it in one, signed: instead, where the page has given keys. */
const SIGNED = "v1/mix-network/snapshot";
/** What nobody has asked for by then is dropped. */
const LONGEST_WAIT_MS = 30_000;

/** @typedef {{ answer: Promise<Response>, abort: AbortController }} Asked */

export class DirectoryAhead {
  /** @type {Map<string, Asked>} */
  #asked = new Map();

  /**
   * Ask for what a set-up with these parameters will need. Whether they are valid is for Python to say; nothing is asked
   * for with those that can't be.
   * @param {Record<string, unknown>} params
   */
  begin(params) {
    const { directoryUrl, directoryKeys, preferredIpr } = params;
    const directory = directoryUrl ?? DEFAULT_DIRECTORY;
    if (this.#asked.size > 0 || !Object.values(params).every(canBeValid) || typeof directory !== "string" || !/^https?:\/\/[^?#]*$/.test(directory)) {
      return;
    }
    const unsigned = typeof preferredIpr === "string" ? DOCUMENTS : [...DOCUMENTS, ALL_NODES];
    // Python takes one key as a text, too.
    const isSigned = directoryKeys !== undefined && directoryKeys !== null && /** @type {string} */ (directoryKeys).length > 0;
    for (const path of isSigned ? [SIGNED] : unsigned) {
      const url = `${directory.replace(/\/+$/, "")}/${path}`;
      const abort = new AbortController();
      const answer = fetch(url, {
        headers: { accept: "application/json" },
        signal: abort.signal,
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
      answer.catch(() => {}); // told to who asks for it
      this.#asked.set(url, { answer, abort });
    }
    setTimeout(() => this.#drop(), LONGEST_WAIT_MS);
  }

  /**
   * As the browser's `fetch`; each answer is given once.
   * @param {string} url
   * @param {RequestInit} options
   * @returns {Promise<Response>}
   */
  fetch(url, options) {
    const asked = this.#asked.get(url);
    this.#asked.delete(url);
    if (asked === undefined) {
      return fetch(url, options);
    }
    options.signal?.addEventListener("abort", () => asked.abort.abort());
    return asked.answer;
  }

  #drop() {
    for (const { abort } of this.#asked.values()) {
      abort.abort();
    }
    this.#asked.clear();
  }
}

/**
 * Whether some option might have this value.
 * @param {unknown} value
 * @returns {boolean}
 */
function canBeValid(value) {
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= 0;
  }
  if (Array.isArray(value)) {
    return value.every((each) => typeof each === "string");
  }
  return typeof value === "boolean" || value === null || (typeof value === "string" && value !== "");
}
