/** Forms that keep what was filled in for as long as the tab is open. */

/**
 * @param {HTMLFormElement} form
 * @param {string} key differs when what is remembered would make no sense
 */
export function rememberForm(form, key) {
  const fields = /** @type {HTMLInputElement[]} */ ([...form.elements].filter((each) => each.id && "value" in each));
  const storageKey = `${form.id} ${key}`;
  /** @type {Record<string, string | boolean>} */
  const stored = JSON.parse(sessionStorage.getItem(storageKey) ?? "{}");
  for (const field of fields) {
    const value = stored[field.id];
    if (typeof value === "boolean") {
      field.checked = value;
    } else if (value !== undefined) {
      field.value = value;
    }
  }
  const store = () => {
    const values = fields.map((each) => [each.id, each.type === "checkbox" ? each.checked : each.value]);
    sessionStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(values)));
  };
  form.addEventListener("input", store);
}
