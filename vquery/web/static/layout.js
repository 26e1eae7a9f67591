/** Where cells and headings are: arithmetic only, the same for ten rows and a million. */

/**
 * @typedef {Object} Section one group of the grid
 * @property {string} key
 * @property {?string} title null: no heading
 * @property {number} start first position
 * @property {number} count
 * @property {number} top of its heading
 */
/** @typedef {{left: number, top: number}} Place */

export const HEADING = 30;
export const GAP = 6;
const EDGE = 8;

export class Layout {
  /**
   * @param {{total: number, width: number, least: number, body: function(number): number,
   *   groups?: Array<{key: string, title: string, count: number}>}} parts `least`: narrowest cell;
   *   `body`: height of a cell by its width
   */
  constructor({ total, width, least, body, groups = [] }) {
    this.total = total;
    const room = Math.max(width - 2 * EDGE, least);
    this.columns = Math.max(1, Math.floor((room + GAP) / (least + GAP)));
    this.width = Math.floor((room + GAP) / this.columns) - GAP;
    this.height = Math.round(body(this.width));
    this.line = this.height + GAP;
    /** @type {Section[]} */
    this.sections = [];
    let start = 0;
    let top = EDGE;
    for (const group of sectionsOf(groups, total)) {
      this.sections.push({ ...group, start, top });
      start += group.count;
      top += (group.title === null ? 0 : HEADING) + Math.ceil(group.count / this.columns) * this.line;
    }
    this.bottom = top - GAP + EDGE;
  }

  /** @param {Section} section top of its first line of cells */
  cellsTop(section) {
    return section.top + (section.title === null ? 0 : HEADING);
  }

  /** @param {number} position */
  sectionOf(position) {
    return this.sections[search(this.sections, (section) => section.start <= position)];
  }

  /**
   * @param {number} position
   * @returns {Place}
   */
  place(position) {
    const section = this.sectionOf(position);
    const index = position - section.start;
    return {
      left: EDGE + (index % this.columns) * (this.width + GAP),
      top: this.cellsTop(section) + Math.floor(index / this.columns) * this.line,
    };
  }

  /**
   * Positions and headings between two heights.
   * @param {number} top
   * @param {number} bottom
   * @returns {{from: number, to: number, headings: Section[]}}
   */
  between(top, bottom) {
    const headings = [];
    let from = this.total;
    let to = 0;
    const first = search(this.sections, (section) => section.top <= top);
    for (const section of this.sections.slice(first)) {
      if (section.top >= bottom) break;
      if (section.title !== null && section.top + HEADING > top) headings.push(section);
      const [start, end] = this.lines(section, top, bottom);
      if (start < end) {
        from = Math.min(from, section.start + start * this.columns);
        to = Math.max(to, Math.min(section.start + end * this.columns, section.start + section.count));
      }
    }
    return { from: Math.min(from, to), to, headings };
  }

  /**
   * Lines of a section that show between two heights.
   * @param {Section} section
   * @param {number} top
   * @param {number} bottom
   */
  lines(section, top, bottom) {
    const cells = this.cellsTop(section);
    const count = Math.ceil(section.count / this.columns);
    const start = Math.max(0, Math.floor((top - cells + GAP) / this.line));
    const end = Math.min(count, Math.max(0, Math.ceil((bottom - cells) / this.line)));
    return [start, end];
  }

  /**
   * Ranges of positions whose cells a rectangle touches.
   * @param {{left: number, top: number, right: number, bottom: number}} box
   * @returns {Array<[number, number]>}
   */
  inside(box) {
    const step = this.width + GAP;
    const first = Math.max(0, Math.floor((box.left - EDGE + GAP) / step));
    const last = Math.min(this.columns, Math.ceil((box.right - EDGE) / step));
    /** @type {Array<[number, number]>} */
    const found = [];
    if (first >= last) return found;
    for (const section of this.sections) {
      if (section.top >= box.bottom) break;
      const [start, end] = this.lines(section, box.top, box.bottom);
      for (let line = start; line < end; line++) {
        const from = section.start + line * this.columns + first;
        const to = Math.min(section.start + line * this.columns + last, section.start + section.count);
        if (from < to) found.push([from, to]);
      }
    }
    return found;
  }

  /**
   * Where an arrow leads: lines keep the column, at the ends of a group its last line counts.
   * @param {number} position
   * @param {number} lines down; up when negative
   */
  vertical(position, lines) {
    let at = position;
    for (let step = Math.abs(lines); step > 0; step--) {
      const next = this.oneLine(at, Math.sign(lines));
      if (next === at) break;
      at = next;
    }
    return at;
  }

  /**
   * @param {number} position
   * @param {number} direction
   */
  oneLine(position, direction) {
    const section = this.sectionOf(position);
    const index = position - section.start;
    const column = index % this.columns;
    const line = Math.floor(index / this.columns) + direction;
    const last = Math.floor((section.count - 1) / this.columns);
    if (line >= 0 && line <= last) {
      return section.start + Math.min(line * this.columns + column, section.count - 1);
    }
    const other = this.sections[this.sections.indexOf(section) + direction];
    if (!other) return position;
    const into = direction > 0 ? 0 : Math.floor((other.count - 1) / this.columns) * this.columns;
    return other.start + Math.min(into + column, other.count - 1);
  }
}

/**
 * @param {Array<{key: string, title: string, count: number}>} groups
 * @param {number} total
 * @returns {Array<{key: string, title: ?string, count: number}>}
 */
function sectionsOf(groups, total) {
  if (!groups.length) return [{ key: "", title: null, count: total }];
  const rest = total - groups.reduce((sum, group) => sum + group.count, 0);
  const named = groups.filter((group) => group.count > 0);
  return rest > 0 ? [...named, { key: "", title: "all further groups", count: rest }] : named;
}

/**
 * Index of the last item that holds, 0 if none does; those that hold come first.
 * @template T
 * @param {T[]} items
 * @param {function(T): boolean} holds
 */
function search(items, holds) {
  let low = 0;
  let high = items.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (holds(items[middle])) low = middle;
    else high = middle - 1;
  }
  return low;
}
