/** The mouse on the timeline: click seeks, drag pans or moves an edge, wheel zooms, hover shows. */

import { frameUrl, showPicture } from "./api.js";
import { AXIS_PX, LANE_PX, clock, describe, edgeNear, toUs } from "./lanes.js";
import { el } from "./dialogs.js";
import { note } from "./store.js";

const DRAG_PX = 4;
const HOVER_MS = 60;
const THUMB_HEIGHT = 96;
const STEPS_IN_VIEW = 240;
const SHORTEST_US = 1000;

export class Pointing {
  /** @param {import("./timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.area = timeline.area;
    this.picture = /** @type {HTMLImageElement} */ (el("img", { alt: "" }));
    this.words = el("figcaption", {});
    timeline.thumb.replaceChildren(this.picture, this.words);
    timeline.thumb.popover = "manual"; // above all, also where a notebook clips what is inside it
    this.picture.addEventListener("error", () => (this.picture.hidden = true));
    this.picture.addEventListener("load", () => (this.picture.hidden = false));
    this.timer = 0;
    /** @type {{x: number, view: import("./lanes.js").Span, moved: boolean,
     *   edge: {bar: import("./lanes.js").Bar, edge: "start_us"|"end_us"}|null}|null} */
    this.drag = null;
    this.listen();
  }

  listen() {
    const { area } = this;
    area.addEventListener("pointerdown", (event) => this.down(event));
    area.addEventListener("pointermove", (event) => this.move(event));
    area.addEventListener("pointerup", (event) => this.up(event));
    area.addEventListener("pointercancel", () => this.end());
    area.addEventListener("pointerleave", () => this.hide());
    area.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** @param {MouseEvent} event */
  at(event) {
    const box = this.area.getBoundingClientRect();
    const x = event.clientX - box.left;
    const lane = Math.floor((event.clientY - box.top - AXIS_PX) / LANE_PX);
    return { x, lane, us: toUs(this.timeline.view, this.timeline.width, x) };
  }

  /** The edge of a human span under the mouse. @param {{x: number, lane: number}} place */
  edge({ x, lane }) {
    const found = this.timeline.lanes[lane];
    if (found?.kind !== "human") return null;
    return edgeNear(found.bars, this.timeline.view, this.timeline.width, x);
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || !this.timeline.video) return;
    const place = this.at(event);
    this.drag = { x: place.x, view: this.timeline.view, moved: false, edge: this.edge(place) };
    this.area.setPointerCapture(event.pointerId);
    this.timeline.drawnLanes.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  move(event) {
    const place = this.at(event);
    const { drag } = this;
    if (!drag) {
      this.area.classList.toggle("on-edge", this.edge(place) !== null);
      return this.hover(event, place);
    }
    if (Math.abs(place.x - drag.x) >= DRAG_PX) drag.moved = true;
    if (!drag.moved) return;
    this.hide();
    if (drag.edge) return this.timeline.place(this.showEdge(), this.wanted(place.us));
    const by = toUs(drag.view, this.timeline.width, drag.x) - toUs(drag.view, this.timeline.width, place.x);
    const { start_us, end_us } = drag.view;
    this.timeline.setView({ start_us: start_us + by, end_us: end_us + by }, true);
  }

  showEdge() {
    const { mark } = this.timeline;
    const lane = this.timeline.lanes.findIndex((one) => one.kind === "human");
    mark.style.top = `${AXIS_PX + lane * LANE_PX}px`;
    mark.hidden = false;
    return mark;
  }

  /** The span that an edge dragged to a time gives. @param {number} us */
  wanted(us) {
    const { bar, edge } = /** @type {NonNullable<Pointing["drag"]>["edge"] & {}} */ (this.drag?.edge);
    return edge === "start_us"
      ? { start_us: Math.max(0, Math.min(us, bar.end_us - SHORTEST_US)), end_us: bar.end_us }
      : { start_us: bar.start_us, end_us: Math.max(us, bar.start_us + SHORTEST_US) };
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { drag } = this;
    if (!drag) return;
    const place = this.at(event);
    if (drag.edge && drag.moved) void this.trim(drag.edge, this.wanted(place.us));
    else if (!drag.moved) this.click(place);
    this.end();
  }

  /**
   * Give a span the edge where it was dropped, between the nearest frames.
   * @param {{bar: import("./lanes.js").Bar, edge: "start_us"|"end_us"}} edge
   * @param {import("./lanes.js").Span} wanted
   */
  async trim({ bar, edge }, wanted) {
    try {
      const next = { ...wanted, [edge]: await this.timeline.snapped(wanted[edge]) };
      if (next.start_us < next.end_us) await this.timeline.trim(bar, next);
      else note("A span has at least one frame.");
    } catch (error) {
      note(`The edge was not moved: ${/** @type {Error} */ (error).message}`, "error");
    }
  }

  /** @param {{lane: number, us: number}} place */
  click(place) {
    const under = this.timeline.under(place.lane, place.us);
    if (under) this.timeline.choose(under.bar, under.lane.kind);
    this.timeline.seek(place.us);
  }

  end() {
    this.drag = null;
    this.timeline.drawMark();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!this.timeline.video) return;
    event.preventDefault();
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const by = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.deltaY;
    if (sideways) return this.timeline.pan(by / 1000);
    this.timeline.zoom(Math.exp(by / 500), this.at(event).us);
  }

  /** @param {PointerEvent} event @param {{x: number, lane: number, us: number}} place */
  hover(event, place) {
    if (event.pointerType !== "mouse" || !this.timeline.video) return;
    clearTimeout(this.timer);
    const { thumb, view, video } = this.timeline;
    const under = this.timeline.under(place.lane, place.us);
    this.words.textContent = under ? describe(under.lane, under.bar) : clock(place.us, 2);
    thumb.hidden = false;
    if (thumb.showPopover && !thumb.matches(":popover-open")) thumb.showPopover();
    this.putThumb(event);
    const step = Math.max(Math.round((view.end_us - view.start_us) / STEPS_IN_VIEW), 1);
    const t_us = Math.max(0, Math.round(place.us / step) * step);
    this.timer = setTimeout(() => {
      showPicture(this.picture, frameUrl(video, t_us, THUMB_HEIGHT));
    }, HOVER_MS);
  }

  /** @param {MouseEvent} event */
  putThumb(event) {
    const { thumb } = this.timeline;
    const half = thumb.offsetWidth / 2;
    const x = Math.min(Math.max(event.clientX, half + 4), document.documentElement.clientWidth - half - 4);
    thumb.style.left = `${x}px`;
    thumb.style.bottom = `${window.innerHeight - this.area.getBoundingClientRect().top + 4}px`;
  }

  hide() {
    clearTimeout(this.timer);
    const { thumb } = this.timeline;
    if (thumb.hidePopover && thumb.matches(":popover-open")) thumb.hidePopover();
    thumb.hidden = true;
  }
}
