/** The videos of the collection by name. */

import { state } from "./store.js";

const UNKNOWN_US = 3_600_000_000;

/** Videos by name, of the list they were made from. */
let known = { list: /** @type {*} */ (null), byName: new Map() };

/** What is known of a video; a length that is not known is an hour. @param {string} video */
export function videoOf(video) {
  const list = state.collection?.videos;
  if (list && list !== known.list) {
    const entries = list.map((/** @type {*} */ one) =>
      [one.video, { ...one, duration_us: one.duration_us ?? UNKNOWN_US }]);
    known = { list, byName: new Map(entries) };
  }
  return known.byName.get(video);
}
