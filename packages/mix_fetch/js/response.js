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
 * A `Response` that knows its URL and keeps every header: the platform's own drops `set-cookie`, because pages must
 * not see cookies of its fetches; here there are no cookies but what the page itself keeps.
 */
export class MixResponse extends Response {
  #head;
  #headers;

  /**
   * @param {ReadableStream<Uint8Array<ArrayBuffer>> | null} body
   * @param {ResponseHead} head
   */
  constructor(body, head) {
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
    const copy = super.clone();
    return new MixResponse(/** @type {ReadableStream<Uint8Array<ArrayBuffer>> | null} */ (copy.body), {
      ...this.#head,
      headers: [...this.#headers],
    });
  }
}
