/**
 * What the playground's server tells the page, as its text: it is another one when the playground was started again.
 * Empty where there is no such server.
 *
 * @returns {Promise<string>}
 */
export async function readSettings() {
  const response = await fetch("playground.json").catch(() => null);
  return response?.ok ? response.text() : "";
}
