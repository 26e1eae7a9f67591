/** What is seen of drawing over the picture: crosshair, points, the box in the making, handles. */

import { around, handlesOf } from "./boxes.js";
import { svg } from "./lanes.js";

/**
 * @typedef {import("./boxes.js").Point} Point
 * @typedef {import("./boxes.js").Box} Box
 * @typedef {{active: boolean, way: "drag"|"extreme", points: Point[], cross: Point|null,
 *   unsaved: Box|null, marks: Array<{id: number, box: Box, between: boolean}>,
 *   chosen: {box: Box, points: Point[]|null, here: boolean, words: string}|null}} Scene
 */

const HANDLE_PX = 9;
const POINT_PX = 4;
const MARK_PX = 18;

export class DrawingLayer {
  constructor() {
    this.element = /** @type {SVGElement} */ (svg("svg", {
      id: "drawing", class: "drawing-layer pane", tabindex: -1, role: "application",
      "aria-label": "Drawing over the picture", "aria-describedby": "drawing-hint",
      preserveAspectRatio: "none",
    }));
  }

  /** Where something is in the picture, in shares of it. @param {MouseEvent} event @returns {Point} */
  at(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: (event.clientX - left) / (width || 1), y: (event.clientY - top) / (height || 1) };
  }

  /** So many pixels of the page, in shares of the picture. @param {number} px @returns {Point} */
  share(px) {
    const { width, height } = this.element.getBoundingClientRect();
    return { x: px / (width || 1), y: px / (height || 1) };
  }

  /** @param {Scene} scene */
  paint(scene) {
    const { width, height } = this.element.getBoundingClientRect();
    this.size = { width: width || 1, height: height || 1 };
    this.element.setAttribute("viewBox", `0 0 ${this.size.width} ${this.size.height}`);
    this.element.classList.toggle("active", scene.active);
    this.element.classList.toggle("choosing", Boolean(scene.chosen?.here));
    this.element.setAttribute("tabindex", scene.active || scene.chosen ? "0" : "-1");
    this.element.replaceChildren(
      ...scene.marks.map((one) => this.mark(one)), ...this.chosen(scene), ...this.draft(scene),
    );
  }

  /** @param {number} x @param {number} y */
  px(x, y) {
    return [x * this.size.width, y * this.size.height];
  }

  /** @param {Box} box @param {string} kind */
  rect([x1, y1, x2, y2], kind) {
    const [[x, y], [right, bottom]] = [this.px(x1, y1), this.px(x2, y2)];
    const place = { x, y, width: Math.max(right - x, 1), height: Math.max(bottom - y, 1) };
    return [svg("rect", { ...place, class: "draw-under" }), svg("rect", { ...place, class: kind })];
  }

  /** The mark of a hand in the corner of a drawn box; a click on it chooses the box. */
  mark(/** @type {{id: number, box: Box, between: boolean}} */ { id, box, between }) {
    const [right, top] = this.px(box[2], box[1]);
    const x = Math.min(Math.max(right - MARK_PX, 0), this.size.width - MARK_PX);
    const y = Math.min(Math.max(top, 0), this.size.height - MARK_PX);
    const group = svg("g", { class: between ? "hand between" : "hand", "data-detection": id });
    const words = svg("text", { x: x + MARK_PX / 2, y: y + 14, "text-anchor": "middle" });
    words.textContent = between ? "≈" : "✎";
    const title = svg("title", {});
    title.textContent = between ? "between two boxes drawn by hand" : "drawn by hand";
    group.append(title, svg("rect", { x, y, width: MARK_PX, height: MARK_PX, rx: 3 }), words);
    return group;
  }

  /** @param {Scene} scene */
  chosen({ chosen }) {
    if (!chosen) return [];
    if (!chosen.here) {
      const [x, y] = this.px(chosen.box[0], chosen.box[1]);
      const words = svg("text", { x: x + 4, y: y + 14, class: "draw-ghost-text" });
      words.textContent = chosen.words;
      return [...this.rect(chosen.box, "draw-ghost"), words];
    }
    const handles = handlesOf(chosen.box).map(({ handle, x: left, y: top }) => {
      const [x, y] = this.px(left, top);
      return svg("rect", {
        class: `draw-handle ${handle}`, "data-handle": handle,
        x: x - HANDLE_PX / 2, y: y - HANDLE_PX / 2, width: HANDLE_PX, height: HANDLE_PX,
      });
    });
    const [[x, y], [right, bottom]] = [this.px(chosen.box[0], chosen.box[1]), this.px(chosen.box[2], chosen.box[3])];
    const grip = svg("rect", { class: "draw-grip", x, y, width: right - x, height: bottom - y });
    return [grip, ...this.rect(chosen.box, "draw-box"), ...this.dots(chosen.points ?? []), ...handles];
  }

  /** @param {Point[]} points */
  dots(points) {
    return points.map((point) => {
      const [cx, cy] = this.px(point.x, point.y);
      return svg("circle", { class: "draw-point", cx, cy, r: POINT_PX });
    });
  }

  /** @param {Scene} scene */
  draft({ active, points, cross, unsaved }) {
    if (unsaved) return this.rect(unsaved, "draw-draft");
    if (!active) return [];
    const corners = points.length && cross ? [...points, cross] : points;
    const parts = corners.length > 1 ? this.rect(around(corners), "draw-draft") : [];
    return [...parts, ...this.lines(cross), ...this.dots(points)];
  }

  /** @param {Point|null} cross */
  lines(cross) {
    if (!cross) return [];
    const [x, y] = this.px(cross.x, cross.y);
    const { width, height } = this.size;
    const ends = [{ x1: x, x2: x, y1: 0, y2: height }, { x1: 0, x2: width, y1: y, y2: y }];
    return ["cross-under", "cross"].flatMap((kind) =>
      ends.map((place) => svg("line", { ...place, class: kind })),
    );
  }
}
