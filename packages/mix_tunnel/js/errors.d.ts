import type { MixError } from "./mix_error.js";
import type { ErrorDescription } from "./protocol.js";

export * from "./errors.generated.js";
export { MixError } from "./mix_error.js";

/** Make the error again that crossed from the worker. */
export declare function reviveError(described: ErrorDescription): MixError;
