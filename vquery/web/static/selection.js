/**
 * Which rows are selected: positions in the view in which they were selected, as sorted ranges
 * that neither overlap nor touch, or all but some. Values, never changed in place.
 */

/** @typedef {[number, number]} Range half-open */
/** @typedef {{sort: string, descending: boolean}} Basis */
/**
 * @typedef {Object} Selection
 * @property {"none"|"some"|"all"} mode
 * @property {?Basis} basis the view that the positions count in; null when there are none
 * @property {Range[]} ranges the selected positions; those left out, when the mode is "all"
 */

/** @type {Selection} */
export const NONE = { mode: "none", basis: null, ranges: [] };
/** Positions in this view are the numbers of the rows. */
export const BY_ROW = { sort: "row", descending: false };

/**
 * @param {Range[]} ranges
 * @param {Range} range
 * @returns {Range[]}
 */
export function withRange(ranges, [from, to]) {
  if (from >= to) return ranges;
  const before = ranges.filter(([, end]) => end < from);
  const after = ranges.filter(([start]) => start > to);
  const touched = ranges.slice(before.length, ranges.length - after.length);
  const start = touched.length ? Math.min(from, touched[0][0]) : from;
  const end = touched.length ? Math.max(to, touched[touched.length - 1][1]) : to;
  return [...before, [start, end], ...after];
}

/**
 * @param {Range[]} ranges
 * @param {Range} range
 * @returns {Range[]}
 */
export function withoutRange(ranges, [from, to]) {
  if (from >= to) return ranges;
  /** @type {Range[]} */
  const kept = [];
  for (const [start, end] of ranges) {
    if (start < Math.min(end, from)) kept.push([start, Math.min(end, from)]);
    if (end > Math.max(start, to)) kept.push([Math.max(start, to), end]);
  }
  return kept;
}

/**
 * @param {Range[]} ranges
 * @param {number} position
 */
export function inRanges(ranges, position) {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle][1] <= position) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low][0] <= position;
}

/** @param {Range[]} ranges */
export const rangesCount = (ranges) => ranges.reduce((sum, [start, end]) => sum + end - start, 0);

/**
 * @param {Selection} selection
 * @param {number} total rows of the result
 */
export function selectedCount(selection, total) {
  const count = rangesCount(selection.ranges);
  if (selection.mode === "all") return total - count;
  return selection.mode === "some" ? count : 0;
}

/**
 * @param {?Basis} a
 * @param {Basis} b
 */
export const sameBasis = (a, b) => a !== null && a.sort === b.sort && a.descending === b.descending;

/**
 * Whether the row at a position of the view at hand is selected; `row` (its number) is needed
 * where the selection was made in another order, null while it is unknown.
 * @param {Selection} selection
 * @param {Basis} view
 * @param {number} position
 * @param {?number} row
 */
export function isSelected(selection, view, position, row) {
  if (selection.mode === "none") return false;
  const all = selection.mode === "all";
  if (!selection.ranges.length) return all;
  if (sameBasis(selection.basis, view)) return inRanges(selection.ranges, position) !== all;
  return row === null ? all : inRanges(selection.ranges, row) !== all;
}

/**
 * Select or leave out positions; the selection's basis must be the view, or it has none yet.
 * @param {Selection} selection
 * @param {Basis} basis
 * @param {Range[]} ranges
 * @param {boolean} select
 * @returns {Selection}
 */
export function changed(selection, basis, ranges, select) {
  const all = selection.mode === "all";
  const change = select === all ? withoutRange : withRange;
  const next = ranges.reduce((kept, range) => change(kept, range), selection.ranges);
  if (!all && !next.length) return NONE;
  return { mode: all ? "all" : "some", basis: next.length ? basis : null, ranges: next };
}

/**
 * The same selection by numbers of rows, where the rows of all its positions are known.
 * @param {Selection} selection
 * @param {function(number): ?number} rowAt number of the row at a position, null if unknown
 * @param {number} most give up above that many
 * @returns {?Selection}
 */
export function byRow(selection, rowAt, most) {
  if (selection.basis === null || sameBasis(selection.basis, BY_ROW)) return selection;
  if (rangesCount(selection.ranges) > most) return null;
  const rows = [];
  for (const [start, end] of selection.ranges) {
    for (let position = start; position < end; position++) {
      const row = rowAt(position);
      if (row === null) return null;
      rows.push(row);
    }
  }
  return { ...selection, basis: BY_ROW, ranges: rangesOf(rows) };
}

/**
 * @param {number[]} numbers
 * @returns {Range[]}
 */
export function rangesOf(numbers) {
  /** @type {Range[]} */
  const ranges = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges[ranges.length - 1];
    if (last && number <= last[1]) last[1] = Math.max(last[1], number + 1);
    else ranges.push([number, number + 1]);
  }
  return ranges;
}

/**
 * The selection as the server takes it.
 * @param {Selection} selection
 * @param {string} result
 */
export function asBody(selection, result) {
  const basis = selection.basis ?? BY_ROW;
  const view = { result, sort: basis.sort, descending: basis.descending };
  if (selection.mode === "all") return { ...view, all: true, except: selection.ranges };
  return { ...view, ranges: selection.ranges };
}
