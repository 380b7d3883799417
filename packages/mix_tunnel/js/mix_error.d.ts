/**
 * The root of every error of these packages. It is a TypeError, because that is what `fetch` promises to reject with.
 */
export declare class MixError extends TypeError {
  /** The class's code; an instance's may be more precise when a newer worker knows more errors than these classes. */
  static code: string;

  constructor(
    message?: string,
    details?: { code?: string; fields?: Readonly<Record<string, unknown>>; retryable?: boolean },
  );

  /** A stable name of what happened, such as "tls.expired". */
  readonly code: string;
  /** Typed facts for programs. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether the same call may go through later. */
  readonly retryable: boolean;
}
