/**
 * Give a class the attributes `onopen` and the like: each holds one function, which is called among the listeners, at
 * the place where the attribute was set first.
 *
 * @param {EventTarget} prototype
 * @param {string[]} types
 */
export function defineEventHandlers(prototype, types) {
  for (const type of types) {
    /** @type {WeakMap<EventTarget, { handler: Function, listener: (event: Event) => void }>} */
    const attached = new WeakMap();
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      /** @this {EventTarget} */
      get() {
        return attached.get(this)?.handler ?? null;
      },
      /** @this {EventTarget} @param {unknown} handler */
      set(handler) {
        const before = attached.get(this);
        if (typeof handler !== "function") {
          attached.delete(this);
          this.removeEventListener(type, before?.listener ?? null);
        } else if (before) {
          before.handler = handler;
        } else {
          /** @param {Event} event */
          const listener = (event) => attached.get(this)?.handler.call(this, event);
          attached.set(this, { handler, listener });
          this.addEventListener(type, listener);
        }
      },
    });
  }
}
