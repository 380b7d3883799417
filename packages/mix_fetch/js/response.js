/**
 * What the worker tells about a response.
 * @typedef {object} ResponseHead
 * @property {number} status
 * @property {string} statusText
 * @property {[string, string][]} headers
 * @property {string} url
 * @property {boolean} redirected
 */

const NULL_BODY_STATUSES = new Set([101, 103, 204, 205, 304]);

/**
 * A `Response` that knows its URL, keeps every header, and tells why its body broke off. The platform's own drops
 * `set-cookie`, because pages must not see cookies of its fetches (here there are none but what the page itself
 * keeps), and its `text()` and the like turn every error of a body's stream into one that says nothing.
 */
export class MixResponse extends Response {
  #head;
  #headers;
  #failure;

  /**
   * @param {ReadableStream<Uint8Array<ArrayBuffer>> | null} body
   * @param {ResponseHead} head
   * @param {() => unknown} failure why the body broke off; undefined as long as it has not
   */
  constructor(body, head, failure) {
    const headers = new Headers();
    for (const [name, value] of head.headers) {
      headers.append(name, value);
    }
    const wanted = NULL_BODY_STATUSES.has(head.status) ? null : body;
    // The platform's headers are needed beside ours: they give blob() and formData() their type.
    super(wanted, { status: head.status, statusText: head.statusText, headers });
    if (wanted === null) {
      void body?.cancel().catch(() => {});
    }
    this.#head = head;
    this.#headers = headers;
    this.#failure = failure;
  }

  arrayBuffer() {
    return this.#explain(super.arrayBuffer());
  }

  blob() {
    return this.#explain(super.blob());
  }

  bytes() {
    return this.#explain(super.bytes());
  }

  formData() {
    return this.#explain(super.formData());
  }

  json() {
    return this.#explain(super.json());
  }

  text() {
    return this.#explain(super.text());
  }

  get headers() {
    return this.#headers;
  }

  get url() {
    return this.#head.url;
  }

  get redirected() {
    return this.#head.redirected;
  }

  get type() {
    return /** @type {const} */ ("basic");
  }

  clone() {
    const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>> | null} */ (super.clone().body);
    return new MixResponse(body, { ...this.#head, headers: [...this.#headers] }, this.#failure);
  }

  /**
   * @template T
   * @param {Promise<T>} reading
   * @returns {Promise<T>}
   */
  #explain(reading) {
    return reading.catch((error) => {
      throw this.#failure() ?? error;
    });
  }
}
