/**
 * The value below which a share of the values lies (nearest rank).
 *
 * @param {readonly number[]} sorted in rising order, at least one
 * @param {number} share from 0 to 1
 */
export function percentile(sorted, share) {
  const rank = Math.ceil(share * sorted.length);
  return /** @type {number} */ (sorted[Math.min(sorted.length, Math.max(1, rank)) - 1]);
}

/**
 * A class of values: from `low` (included) up to `high` (not included).
 * @typedef {{ low: number, high: number, count: number }} Bin
 */

const BIN_STEPS = [1, 2, 5];

/**
 * Sort positive values into classes of round widths, at most `most` of them.
 *
 * @param {readonly number[]} values
 * @param {number} [most]
 * @returns {Bin[]}
 */
export function makeBins(values, most = 16) {
  if (values.length === 0) {
    return [];
  }
  const lowest = values.reduce((one, other) => Math.min(one, other));
  const highest = values.reduce((one, other) => Math.max(one, other));
  const width = roundUp((highest - lowest) / (most - 1) || highest / most || 1);
  const start = Math.floor(lowest / width) * width;
  const bins = Array.from({ length: Math.floor((highest - start) / width) + 1 }, (_, index) => (
    { low: start + index * width, high: start + (index + 1) * width, count: 0 }));
  for (const value of values) {
    const bin = bins[Math.min(bins.length - 1, Math.floor((value - start) / width))];
    if (bin) {
      bin.count += 1;
    }
  }
  return bins;
}

/**
 * The next number that is a step times a power of ten.
 *
 * @param {number} value above 0
 * @param {readonly number[]} [steps] rising, from 1 to below 10
 */
export function roundUp(value, steps = BIN_STEPS) {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = steps.find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}
