/**
 * The box that is chosen among those drawn by hand: it is corrected by a second drag or by keys,
 * removed, and continued on another frame.
 *
 * @typedef {import("./boxes.js").Point} Point
 * @typedef {import("./boxes.js").Box} Box
 * @typedef {import("./boxes.js").Handle} Handle
 * @typedef {import("./overlay.js").Boxed} Boxed
 * @typedef {{detection_id: number, video: string, box: Box, points: Point[]|null,
 *   start_us: number, end_us: number, round: number, waiting: boolean, event?: number}} Chosen
 */

import { get } from "./api.js";
import { carried, pulled } from "./boxes.js";
import { sentence } from "./fields.js";
import { note, state } from "./store.js";

const SAVE_MS = 500;
const LOOK_MS = 3000;

/** @param {Point[]} points */
export const pairs = (points) => points.map(({ x, y }) => [x, y]);

export class ChosenBox {
  /**
   * @param {import("./player.js").Player} player @param {import("./overlay.js").Overlay} overlay
   * @param {{request: (path: string, body: () => Object<string, *>, done: (said: *) => void) => void,
   *   busy: () => boolean, changed: () => void}} told
   */
  constructor(player, overlay, told) {
    this.player = player;
    this.overlay = overlay;
    this.told = told;
    /** @type {Chosen|null} */
    this.now = null;
    this.timer = 0;
    this.waiter = 0;
  }

  get video() {
    return this.player.video?.video ?? "";
  }

  /** Whether it is of the frame on show. */
  get here() {
    const { now } = this;
    const { t_us } = this.player;
    return now !== null && now.video === this.video && now.start_us <= t_us && t_us < now.end_us;
  }

  /** @param {Chosen|null} chosen */
  set(chosen) {
    this.flush();
    this.now = chosen;
    this.overlay.choose(chosen?.detection_id ?? state.row?.detection_id ?? null);
    this.told.changed();
  }

  /** @param {Boxed} one */
  take(one) {
    this.set(this.recorded(one));
  }

  /** What was drawn just now. @param {*} said by the server @param {string} video @param {Point[]|null} points */
  drawn(said, video, points) {
    const { detection_id, box, start_us, end_us, waiting, event } = said;
    this.set({ detection_id, video, box, points, start_us, end_us, waiting, event, round: this.overlay.round });
    this.waiter = setTimeout(() => this.await(), LOOK_MS);
  }

  /** @param {Boxed} one @returns {Chosen} */
  recorded({ detection_id, start_us, end_us, box, points }) {
    return {
      detection_id, start_us, end_us, box, points: points?.map(([x, y]) => ({ x, y })) ?? null,
      video: this.video, round: this.overlay.round, waiting: false,
    };
  }

  /** Boxes were read: take it as it is now, or leave one that is gone. @param {Boxed[]} boxes */
  refresh(boxes) {
    const { now } = this;
    if (!now || !this.here || this.timer || this.told.busy()) return;
    const found = boxes.find((one) => one.detection_id === now.detection_id);
    if (found) this.now = this.recorded(found);
    else if (!now.waiting && this.overlay.round > now.round) this.set(null);
  }

  /** Look again for a box that waits for another process to end its writing. */
  await() {
    clearTimeout(this.waiter);
    if (!this.now?.waiting) return;
    this.overlay.reset();
    this.waiter = setTimeout(() => this.await(), LOOK_MS);
  }

  /** Somebody did something: a box that waits may have been undone, which nothing on show tells. */
  async changed() {
    const { now } = this;
    if (!now?.waiting || !now.event) return;
    try {
      const { events } = await get("/api/events", { after: now.event - 1, limit: 1 });
      const drawn = events[0]?.event === now.event ? events[0] : null;
      if (drawn?.undone && this.now?.event === now.event) this.set(null);
    } catch (error) {
      note(`Whether the box in hand was undone cannot be read: ${sentence(error)}`, "error");
    }
  }

  /** Show it with a handle moved from where it was. @param {Chosen} from @param {Handle} handle @param {Point} by */
  pull(from, handle, by) {
    const box = pulled(from.box, handle, by);
    this.now = { ...from, box, points: from.points && carried(from.points, from.box, box) };
    this.told.changed();
  }

  /** Move or stretch it by keys; kept once they rest. @param {Handle} handle @param {Point} by */
  nudge(handle, by) {
    if (!this.now || !this.here) return note("Choose a drawn box of this frame with C first.");
    this.pull(this.now, handle, by);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), SAVE_MS);
  }

  /** Keep where it is now. */
  keep() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.now) return;
    const { detection_id, box, points } = this.now;
    const place = points ? { points: pairs(points) } : { box };
    this.told.request("/api/boxes/move", () => ({ detection_id, ...place }), () => {
      if (this.now?.detection_id === detection_id) this.now.round = this.overlay.round;
    });
  }

  /** Keep at once what keys have moved. */
  flush() {
    if (this.timer) this.keep();
  }

  erase() {
    if (!this.now) return note("Choose a drawn box first: with C, or by its mark.");
    clearTimeout(this.timer);
    this.timer = 0;
    const { detection_id } = this.now;
    this.told.request("/api/boxes/remove", () => ({ detection_ids: [detection_id] }), () => {
      if (this.now?.detection_id === detection_id) this.set(null);
    });
  }
}
