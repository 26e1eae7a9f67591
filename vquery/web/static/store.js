/**
 * What the parts of the page share: one state, changed only by `dispatch`.
 *
 * Events: `collection`, `result`, `view`, `concept`, `focus` (`row` follows `focus`: null until it
 * is loaded, then a second `focus`), `open` (Enter or double click: show and play the row in
 * focus), `selection`, `labels` (labels changed: read them again), `time`, `jobs`, `note` (a
 * sentence for the status line), `precision`, `pane` (another pane has the keys), `gone` (the
 * server let the result go), `alike` (an order by likeness was learnt).
 */

/**
 * @typedef {Object} Row
 * @property {number} row number in query order
 * @property {string} video
 * @property {number} start_us
 * @property {number} end_us
 * @property {number} [detection_id]
 * @property {number} [track]
 * @property {[number, number, number, number]} [box] x1, y1, x2, y2 in shares of the picture
 * @property {number|null} [score]
 * @property {string|null} label
 * @property {"human"|"propagated"|"fused"|"predicted"|null} label_source
 * @property {number|null} [probability]
 * @property {number|null} [margin]
 * @property {?string} [rejected] labels that a person rejected for it
 * @property {boolean} conflict
 * @property {boolean} unsure
 * @property {?string} [alike] what an order by likeness proposes
 * @property {?number} [likeness]
 * @property {Object<string, *>} more
 */

/**
 * @typedef {Object} Result
 * @property {string} id
 * @property {number} total
 * @property {number} videos
 * @property {Array<{name: string, type: string}>} columns
 * @property {boolean} detections
 * @property {string} text
 * @property {{kept: number, of: number}} [cut]
 * @property {string} [query] what was typed, where it came from the query bar
 * @property {boolean} [again] the same query as before, so that the view stays
 */

/** @typedef {Object<string, *>} Patch */

export const state = {
  /** @type {?Object} what `/api/collection` gave */
  collection: null,
  /** @type {?Result} */
  result: null,
  /** how the grid shows the result */
  view: { sort: "row", descending: false, group: "" },
  /** @type {?import("./likeness.js").Alike} the order by likeness that was learnt last */
  alike: null,
  /** the concept that labels are read and given for */
  concept: "name",
  /** @type {?number} position in the view */
  focus: null,
  /** @type {?Row} the row in focus, null while it is loading */
  row: null,
  /** @type {import("./selection.js").Selection} replaced, never changed in place */
  selection: { mode: "none", basis: null, ranges: [] },
  /** what the player shows */
  playing: { video: /** @type {?string} */ (null), t_us: 0 },
  /** @type {Object<string, {name: string, state: string, share: ?number, progress: ?string}>} by job id */
  jobs: {},
  /** @type {?{text: string, kind: "info"|"done"|"error", undo?: boolean}} the last sentence */
  note: null,
  /** id of the pane that has the keys, "" for none of them */
  pane: "grid",
  /** @type {?{value: number, interval: [number, number], judged: number}} of the rule at hand */
  precision: null,
};

/** @type {Map<string, Set<function(typeof state, Patch): void>>} */
const listeners = new Map();

/**
 * Call `listener(state, patch)` after each `dispatch(event, patch)`.
 * @param {string} event
 * @param {function(typeof state, Patch): void} listener
 * @returns {function(): void} ends the subscription
 */
export function subscribe(event, listener) {
  const set = listeners.get(event) ?? new Set();
  listeners.set(event, set.add(listener));
  return () => set.delete(listener);
}

/**
 * Merge `patch` into the state, then tell who listens to `event`. One listener that fails does
 * not keep the news from the others.
 * @param {string} event
 * @param {Patch} [patch]
 */
export function dispatch(event, patch = {}) {
  Object.assign(state, patch);
  for (const listener of [...(listeners.get(event) ?? [])]) {
    try {
      listener(state, patch);
    } catch (error) {
      console.error(event, error);
      if (event !== "note") note(`A part of the page failed (${event}): ${error}. Reload it.`, "error");
    }
  }
}

/**
 * Say one sentence in the status line.
 * @param {string} text
 * @param {"info"|"done"|"error"} [kind]
 * @param {boolean} [undo] offer to undo
 */
export function note(text, kind = "info", undo = false) {
  dispatch("note", { note: { text, kind, undo } });
}

/**
 * A setting of this browser, kept by collection where `key` says so. Private windows may refuse.
 * @param {string} key
 * @param {*} otherwise
 */
export function remembered(key, otherwise) {
  try {
    const text = localStorage.getItem("vquery:" + key);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/**
 * @param {string} key
 * @param {*} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem("vquery:" + key, JSON.stringify(value));
  } catch {
    // no storage: the setting lives as long as the page
  }
}
