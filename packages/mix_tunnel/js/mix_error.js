/**
 * The root of every error of these packages. It is a TypeError, because that is what `fetch` promises to reject with.
 */
export class MixError extends TypeError {
  /** The class's code; an instance's may be more precise when a newer worker knows more errors than this file. */
  static code = "mix.error";

  /**
   * @param {string} [message]
   * @param {{ code?: string, fields?: Readonly<Record<string, unknown>>, retryable?: boolean }} [details]
   */
  constructor(message = "something in the mixnet went wrong", details = {}) {
    super(message);
    this.name = new.target.name;
    /** A stable name of what happened, such as "tls.expired". */
    this.code = details.code ?? /** @type {typeof MixError} */ (new.target).code;
    /** Typed facts for programs. */
    this.fields = details.fields ?? {};
    /** Whether the same call may go through later. */
    this.retryable = details.retryable ?? false;
  }
}
