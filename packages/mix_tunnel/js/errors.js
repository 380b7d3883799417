import { ERROR_CLASSES } from "./errors.generated.js";
import { MixError } from "./mix_error.js";

export * from "./errors.generated.js";
export { MixError };

/**
 * Make the error again that crossed from the worker.
 *
 * @param {{ code: string, message: string, fields?: Record<string, unknown>, retryable?: boolean }} described
 * @returns {MixError}
 */
export function reviveError({ code, message, fields, retryable }) {
  const ErrorClass = ERROR_CLASSES.get(code) ?? MixError;
  return new ErrorClass(message, { code, fields, retryable });
}
