/**
 * Boxes and labels over the picture: those of the frame on show, read a few seconds at a time.
 *
 * @typedef {{detection_id: number, track: number|null, start_us: number, end_us: number,
 *   box: [number, number, number, number], class: string, label: string|null,
 *   state: "proposed"|"confirmed"|"conflict"|null,
 *   drawn: boolean, interpolated?: boolean, points: Array<[number, number]>|null}} Boxed
 */

import { svg } from "./lanes.js";
import { hue } from "./palette.js";

const PIECE_US = 4_000_000;
const SHORTEST_US = 125_000;
const KEPT = 40;
const RETRY_MS = 3000;
const LINE_PX = 17;
const LETTER_PX = 7;

/**
 * Boxes on show at a time. @param {Boxed[]} boxes @param {number} t_us
 */
export const shownAt = (boxes, t_us) =>
  boxes.filter((one) => one.start_us <= t_us && t_us < Math.max(one.end_us, one.start_us + 1));

/** Drawn by a person, not made between two that were. @param {Boxed} box */
const byHand = (box) => box.drawn && !box.interpolated;

const MARKS = { confirmed: "✓ ", conflict: "≠ ", proposed: "" };

/** What a box is called. @param {Boxed} box */
export const tag = (box) =>
  box.label === null ? (byHand(box) ? box.class : "") : `${box.state ? MARKS[box.state] : ""}${box.label}`;

export class Overlay {
  /**
   * @param {SVGElement} element lies over the picture
   * @param {(video: string, start_us: number, end_us: number) => Promise<{boxes: Boxed[], total: number}>} read
   * @param {(error: unknown) => void} failed told when boxes cannot be read, once until they can
   */
  constructor(element, read, failed) {
    this.element = element;
    this.read = read;
    this.failed = failed;
    /** Told what is on show, each time it was read. @type {(boxes: Boxed[]) => void} */
    this.told = () => {};
    this.failing = false;
    this.video = "";
    this.t_us = 0;
    /** @type {number|null} */
    this.chosen = null;
    this.visible = true;
    this.piece_us = PIECE_US;
    /** @type {Map<number, Promise<{boxes: Boxed[], total: number}>>} */
    this.pieces = new Map();
    /** What is painted. @type {Boxed[]} */
    this.boxes = [];
    this.drawn = "";
    this.round = 0;
    /** Boxes of this moment that the server did not give. */
    this.left = 0;
    new ResizeObserver(() => this.redraw()).observe(element);
  }

  /** Forget what was read, as labels have changed. */
  reset() {
    this.pieces.clear();
    this.round += 1;
    void this.show(this.video, this.t_us);
  }

  /** Show nothing, until a time is on show again: the picture is about to change. */
  clear() {
    this.video = "";
    this.reset();
  }

  /** @param {string} video @param {number} t_us */
  async show(video, t_us) {
    if (video !== this.video) {
      this.pieces.clear();
      this.piece_us = PIECE_US;
      this.round += 1;
      this.paint([]);
    }
    [this.video, this.t_us] = [video, t_us];
    if (!video || !this.visible) return this.paint([]);
    const round = this.round;
    const number = Math.floor(t_us / this.piece_us);
    this.paint(shownAt(this.boxes, t_us)); // those of another time go at once
    const piece = await this.piece(number).catch((error) => this.tell(error, round));
    if (round !== this.round || number !== Math.floor(this.t_us / this.piece_us)) return;
    if (!piece) return this.paint([]);
    this.failing = false;
    if (piece.total > piece.boxes.length && this.piece_us > SHORTEST_US) {
      this.piece_us = Math.max(this.piece_us / 4, SHORTEST_US);
      this.pieces.clear();
      return this.show(video, this.t_us);
    }
    this.left = piece.total - piece.boxes.length;
    this.paint(shownAt(piece.boxes, this.t_us));
    this.told(this.boxes);
    void this.piece(number + 1).catch(() => {}); // told when it is to be shown
  }

  /** @param {unknown} error @param {number} round @returns {null} */
  tell(error, round) {
    if (this.failing || round !== this.round) return null;
    this.failing = true;
    this.failed(error);
    return null;
  }

  /** @param {number} number */
  piece(number) {
    const kept = this.pieces.get(number);
    if (kept) return kept;
    if (this.pieces.size >= KEPT) this.pieces.delete(this.pieces.keys().next().value ?? 0);
    const start = number * this.piece_us;
    const asked = this.read(this.video, start, start + this.piece_us);
    const forget = () => this.pieces.get(number) === asked && this.pieces.delete(number);
    asked.catch(() => setTimeout(forget, RETRY_MS));
    this.pieces.set(number, asked);
    return asked;
  }

  /** @param {number|null} detection the one to stand out */
  choose(detection) {
    this.chosen = detection;
    this.redraw();
  }

  /** @param {boolean} visible */
  setVisible(visible) {
    this.visible = visible;
    this.redraw();
  }

  redraw() {
    this.drawn = "";
    void this.show(this.video, this.t_us);
  }

  /** @param {Boxed[]} boxes */
  paint(boxes) {
    this.boxes = boxes;
    const { clientWidth: width, clientHeight: height } = this.element;
    const facts = boxes.map((one) => [one.detection_id, one.label, one.state, one.box, one.class, one.drawn]);
    const now = JSON.stringify([width, height, this.chosen, facts]);
    if (now === this.drawn) return;
    this.drawn = now;
    this.element.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    const chosenLast = [...boxes].sort(
      (a, b) => Number(a.detection_id === this.chosen) - Number(b.detection_id === this.chosen),
    );
    this.element.replaceChildren(...chosenLast.flatMap((one) => this.box(one, width, height)));
  }

  /** @param {Boxed} one @param {number} width @param {number} height */
  box(one, width, height) {
    const [x1, y1, x2, y2] = one.box;
    const place = {
      x: x1 * width, y: y1 * height,
      width: Math.max((x2 - x1) * width, 2), height: Math.max((y2 - y1) * height, 2),
    };
    const chosen = one.detection_id === this.chosen ? "chosen" : "";
    const hand = byHand(one) ? "drawn" : "";
    const kind = `${one.state ?? "plain"} ${hand} hue-${hue(one.label)} ${chosen}`;
    const parts = [
      svg("rect", { ...place, class: `box-under ${hand} ${chosen}` }),
      svg("rect", { ...place, class: `box ${kind}` }),
    ];
    const words = tag(one);
    return words ? [...parts, ...this.words(words, place, kind, width)] : parts;
  }

  /**
   * @param {string} words @param {{x: number, y: number, height: number}} place
   * @param {string} kind @param {number} width
   */
  words(words, place, kind, width) {
    const long = Math.min(words.length, 28) * LETTER_PX + 10;
    const x = Math.max(0, Math.min(place.x, width - long));
    const y = place.y >= LINE_PX ? place.y - LINE_PX : place.y + place.height;
    const text = svg("text", { x: x + 5, y: y + LINE_PX - 5, class: "box-text" });
    text.textContent = words.length > 28 ? `${words.slice(0, 27)}…` : words;
    return [svg("rect", { x, y, width: long, height: LINE_PX, class: `box-tag ${kind}` }), text];
  }
}
