/**
 * What the worker tells about a response.
 * @typedef {object} ResponseHead
 * @property {number} status
 * @property {string} statusText
 * @property {[string, string][]} headers
 * @property {string} url
 * @property {boolean} redirected
 */

/**
 * What a response's body needs to know of its request.
 * @typedef {object} Origin
 * @property {() => unknown} failure why the body broke off; undefined as long as it has not
 * @property {AbortSignal} [signal]
 */

const NULL_BODY_STATUSES = new Set([101, 103, 204, 205, 304]);

/**
 * Whether `new Response` takes this status line; servers send others too.
 * @param {ResponseHead} head
 */
const isOrdinary = ({ status, statusText }) => status >= 200 && status <= 599 && /^[\t -~\x80-\xff]*$/.test(statusText);

/**
 * A `Response` that knows its URL, keeps every header, and tells why its body broke off. The platform's own drops
 * `set-cookie`, because pages must not see cookies of its fetches (here there are none but what the page itself
 * keeps), and its `text()` and the like turn every error of a body's stream into one that says nothing.
 */
export class MixResponse extends Response {
  #head;
  #headers;
  #origin;

  /**
   * @param {ReadableStream<Uint8Array<ArrayBuffer>> | null} body
   * @param {ResponseHead} head
   * @param {Origin} origin
   */
  constructor(body, head, origin) {
    const headers = new Headers();
    for (const [name, value] of head.headers) {
      headers.append(name, value);
    }
    // The platform's headers are needed beside ours: they give blob() and formData() their type.
    super(body, isOrdinary(head) ? { status: head.status, statusText: head.statusText, headers } : { headers });
    if (!isOrdinary(head)) {
      const { status, statusText } = head;
      const own = { status, statusText, ok: status >= 200 && status <= 299 };
      Object.defineProperties(this, Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { value }])));
    }
    this.#head = head;
    this.#headers = headers;
    this.#origin = origin;
  }

  /**
   * The response to a request; a body that cannot be is given up.
   *
   * @param {string} method
   * @param {ReadableStream<Uint8Array<ArrayBuffer>> | null} body
   * @param {ResponseHead} head
   * @param {Origin} origin
   */
  static to(method, body, head, origin) {
    const wanted = method === "HEAD" || NULL_BODY_STATUSES.has(head.status) ? null : body;
    if (wanted === null) {
      void body?.cancel().catch(() => {});
    }
    try {
      return new MixResponse(wanted, head, origin);
    } catch (error) {
      void body?.cancel(error).catch(() => {});
      throw error;
    }
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

  arrayBuffer() {
    return this.#read(() => super.arrayBuffer());
  }

  blob() {
    return this.#read(() => super.blob());
  }

  bytes() {
    return this.#read(() => super.bytes());
  }

  formData() {
    return this.#read(() => super.formData());
  }

  json() {
    return this.#read(() => super.json());
  }

  text() {
    return this.#read(() => super.text());
  }

  clone() {
    const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>> | null} */ (super.clone().body);
    return new MixResponse(body, { ...this.#head, headers: [...this.#headers] }, this.#origin);
  }

  /**
   * @template T
   * @param {() => Promise<T>} read
   * @returns {Promise<T>}
   */
  async #read(read) {
    const { failure, signal } = this.#origin;
    if (signal?.aborted && this.body !== null && !this.bodyUsed) {
      void this.body.cancel(signal.reason).catch(() => {});
      throw signal.reason; // though the whole body may have been here already, as `fetch` does
    }
    try {
      return await read();
    } catch (error) {
      throw failure() ?? error;
    }
  }
}
