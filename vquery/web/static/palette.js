/**
 * The values of a concept under the keys 1 to 9. The order is kept in this browser, so that no
 * key changes its meaning while counts change; values that appear are added at the end.
 */

import { remember, remembered, state } from "./store.js";

const HUES = 9;
/** Label of an item that is none of the values. */
export const NONE_TEXT = "none of these";

const key = () => `palette:${state.collection?.path ?? ""}:${state.concept}`;

/** @returns {Array<{value: ?string, count: number}>} of the concept at hand, as labelled so far */
export function counts() {
  const found = state.collection?.labels.find((one) => one.concept === state.concept);
  return found?.values ?? [];
}

/** @returns {string[]} */
export function values() {
  const kept = /** @type {string[]} */ (remembered(key(), []));
  const others = counts().map(({ value }) => value);
  const added = others.filter((value) => value !== null && !kept.includes(value));
  return added.length ? keep([...kept, .../** @type {string[]} */ (added)]) : kept;
}

/** @param {string[]} list */
export function keep(list) {
  remember(key(), list);
  return list;
}

/**
 * Put values that were only proposed so far under free keys.
 * @param {Array<?string>} labels
 * @returns {boolean} whether there are new ones
 */
export function learn(labels) {
  const known = values();
  const found = [...new Set(labels)].filter((label) => label && !known.includes(label));
  const added = /** @type {string[]} */ (found).slice(0, Math.max(0, HUES - known.length));
  if (added.length) keep([...known, ...added]);
  return added.length > 0;
}

/** @param {?string} value its colour, 0 for none */
export function hue(value) {
  if (value === null) return 0;
  const index = values().indexOf(value);
  return index < 0 ? 0 : 1 + (index % HUES);
}
