/** Many of the same at once. */

/**
 * Do something `count` times, at most `concurrency` at once, until it is done or the signal ends it.
 *
 * @param {object} plan
 * @param {number} plan.count
 * @param {number} plan.concurrency
 * @param {AbortSignal} plan.signal
 * @param {(index: number) => Promise<void>} plan.act handles its own failures
 */
export async function repeat({ count, concurrency, signal, act }) {
  let next = 0;
  const lane = async () => {
    while (next < count && !signal.aborted) {
      await act(next++);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, lane));
}
