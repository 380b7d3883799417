/** Errors that name what was wrong and what is allowed. */
import { InvalidArgument, InvalidOption } from "./errors.js";

/**
 * @param {string} option
 * @param {string} allowed
 */
export function invalidOption(option, allowed) {
  return new InvalidOption(`${option} must be ${allowed}`, { fields: { option, allowed } });
}

/**
 * @param {string} argument
 * @param {string} allowed
 */
export function invalidArgument(argument, allowed) {
  return new InvalidArgument(`${argument} must be ${allowed}`, { fields: { argument, allowed } });
}
