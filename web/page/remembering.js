/** Forms that keep their settings for as long as the tab is open. */

/**
 * Keep choices and numbers over a reload. Where one goes and what one says is kept nowhere: browsers write what a tab
 * stores to the disk.
 *
 * @param {HTMLFormElement} form
 * @param {string} key differs when what is remembered would make no sense
 */
export function rememberForm(form, key) {
  const fields = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("select, [type=checkbox], [type=number]")]);
  const storageKey = `${form.id} ${key}`;
  const stored = read(storageKey);
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
    try {
      sessionStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(values)));
    } catch {
      // The browser keeps nothing for this page: then nothing is remembered.
    }
  };
  form.addEventListener("input", store);
}

/**
 * @param {string} key
 * @returns {Record<string, string | boolean>}
 */
function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "{}");
  } catch {
    return {};
  }
}
