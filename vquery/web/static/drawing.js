/**
 * Boxes drawn by hand over the paused picture: by a drag, or by the four extreme points of a thing
 * (Papadopoulos et al. 2017); by mouse or keys; each kept by one request once it is complete.
 *
 * @typedef {import("./boxes.js").Point} Point
 * @typedef {import("./boxes.js").Box} Box
 * @typedef {import("./boxes.js").Handle} Handle
 * @typedef {import("./overlay.js").Boxed} Boxed
 */

import { post } from "./api.js";
import { around, boxAt, handleAt, hint, inPicture } from "./boxes.js";
import { ChosenBox, pairs } from "./chosenbox.js";
import { DrawingBar } from "./drawingbar.js";
import { bindDrawing } from "./drawingkeys.js";
import { DrawingLayer } from "./drawinglayer.js";
import { send } from "./labelling.js";
import { clock } from "./lanes.js";
import { byId, root } from "./root.js";
import { note, state, subscribe } from "./store.js";

const CLICK_PX = 3;
const REACH_PX = 6;
const SMALLEST_PX = 2;

export class Drawing {
  /** @param {import("./player.js").Player} player @param {import("./overlay.js").Overlay} overlay */
  constructor(player, overlay) {
    this.player = player;
    this.overlay = overlay;
    this.active = false;
    /** Points of the box in the making. @type {Point[]} */
    this.points = [];
    /** The time of the frame that they are of. */
    this.at_us = -1;
    /** Where the crosshair is. @type {Point|null} */
    this.cross = null;
    /** Whether the pointer led it there, and where the pointer was last. */
    this.led = false;
    this.last = [-1, -1];
    /** A box that the server has not taken yet. @type {{box: Box, points: Point[]|null, t_us: number}|null} */
    this.unsaved = null;
    /** @type {{id: number, at: Point, handle: Handle|null, from: import("./chosenbox.js").Chosen|null, moved: boolean}|null} */
    this.press = null;
    this.saving = 0;
    /** Where the focus was. @type {Element|null} */
    this.before = null;
    this.layer = new DrawingLayer();
    this.chosen = new ChosenBox(player, overlay, {
      request: (path, body, done) => this.request(path, body, done),
      busy: () => this.saving > 0 || this.press !== null,
      changed: () => this.paint(),
    });
    this.bar = new DrawingBar({
      changed: () => this.paint(), back: () => this.layer.element.focus(),
      leave: () => this.leave(), erase: () => this.chosen.erase(),
    });
    this.listen();
    bindDrawing(this);
  }

  listen() {
    const { element } = this.layer;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.up(event));
    element.addEventListener("pointercancel", () => this.drop());
    element.addEventListener("pointerleave", () => this.press || !this.led || this.hover(null));
    this.player.addEventListener("time", () => this.timeChanged());
    this.player.addEventListener("state", () => this.videoChanged());
    subscribe("labels", () => void this.chosen.changed());
    this.overlay.told = (boxes) => {
      this.chosen.refresh(boxes);
      const empty = !this.layer.element.childElementCount && !this.drawn().length;
      if (!empty || this.active) this.paint();
    };
    new ResizeObserver(() => this.paint()).observe(element);
  }

  get video() {
    return this.player.video?.video ?? "";
  }

  /** Start drawing. @param {boolean} continuing the chosen box, as a track */
  start(continuing) {
    if (!this.video || this.player.missing) {
      return note("There is no picture to draw on: open an item first.", "error");
    }
    if (continuing && this.chosen.now?.video !== this.video) {
      return note("There is no box to continue: draw one, or choose one with C; then go to another frame.", "error");
    }
    this.player.pause();
    this.noteFocus();
    this.active = true;
    this.drop();
    this.bar.goOn(continuing);
    this.layer.element.focus();
  }

  /** Where the focus is now it goes back to later. */
  noteFocus() {
    const { activeElement } = root();
    if (activeElement && !this.layer.element.contains(activeElement) && !this.bar.element?.contains(activeElement)) {
      this.before = activeElement;
    }
  }

  /** Stop drawing; where that is done, choose no box any more. */
  leave() {
    this.chosen.flush();
    if (this.points.length || this.unsaved) note("The box in the making was dropped.");
    const drawing = this.active;
    this.active = false;
    this.cross = null;
    this.drop();
    this.bar.goOn(false);
    if (drawing && this.chosen.here) return this.layer.element.focus();
    if (!drawing) this.chosen.set(null);
    const back = this.before instanceof HTMLElement && this.before.isConnected ? this.before : byId("cells");
    back?.focus();
  }

  /** Forget the box in the making. */
  drop() {
    if (this.press?.from) this.chosen.now = this.press.from; // as it was before it was pulled
    [this.points, this.press, this.unsaved, this.at_us] = [[], null, null, -1];
    this.paint();
  }

  timeChanged() {
    if (this.points.length && this.at_us !== this.player.t_us) {
      note("Another frame is on show: the points placed on the last one were dropped.");
      [this.points, this.at_us] = [[], -1];
    }
    if (this.active || this.chosen.now) this.paint();
  }

  videoChanged() {
    const { now } = this.chosen;
    if (now && now.video !== this.video) {
      this.chosen.set(null);
      this.drop();
    }
    this.paint();
  }

  /** The boxes on show that were drawn by hand, and those between two: these count as drawn once moved. */
  drawn() {
    return this.overlay.boxes.filter((one) => one.drawn);
  }

  /** Choose a drawn box, whose handles then answer. @param {Boxed} one */
  take(one) {
    this.player.pause();
    this.noteFocus();
    this.chosen.take(one);
    this.layer.element.focus();
  }

  /** Choose the next drawn box on the frame on show. */
  chooseNext() {
    const drawn = this.drawn();
    if (!drawn.length) return note("No box on this frame was drawn by hand.");
    const at = drawn.findIndex((one) => one.detection_id === this.chosen.now?.detection_id);
    this.take(drawn[(at + 1) % drawn.length]);
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || this.press) return;
    const hand = event.target instanceof Element ? event.target.closest(".hand") : null;
    if (hand && !this.points.length) return this.takeMarked(hand);
    const at = this.layer.at(event);
    const free = this.chosen.here && !this.points.length && !this.unsaved;
    const from = free ? this.chosen.now : null;
    const handle = from ? handleAt(from.box, at, this.layer.share(REACH_PX), !this.active) : null;
    if (!handle && !this.ready()) return;
    this.player.pause();
    event.preventDefault();
    this.layer.element.focus();
    this.layer.element.setPointerCapture(event.pointerId);
    this.press = { id: event.pointerId, at, handle, from, moved: false };
  }

  /** @param {Element} hand */
  takeMarked(hand) {
    const id = Number(hand.getAttribute("data-detection"));
    const one = this.drawn().find((box) => box.detection_id === id);
    if (one) this.take(one);
  }

  /** Whether a point can be placed: on what is on the screen. */
  ready() {
    if (!this.active) return false;
    if (!this.player.screen?.busy) return true;
    note("The picture of this frame is still being read: try again.");
    return false;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { press, last: [x, y] } = this;
    if (event.clientX === x && event.clientY === y) return; // the page moved under a pointer at rest
    this.last = [event.clientX, event.clientY];
    this.led = true;
    const at = this.layer.at(event);
    if (!press) return this.hover(at);
    const slack = this.layer.share(CLICK_PX);
    press.moved ||= Math.abs(at.x - press.at.x) > slack.x || Math.abs(at.y - press.at.y) > slack.y;
    if (!press.moved) return;
    const by = { x: at.x - press.at.x, y: at.y - press.at.y };
    if (press.handle && press.from) return this.chosen.pull(press.from, press.handle, by);
    if (this.bar.way === "drag" && !this.points.length) this.begin(press.at);
    this.hover(at);
  }

  /** @param {Point|null} at */
  hover(at) {
    if (!this.active) return;
    this.cross = at && { x: inPicture(at.x), y: inPicture(at.y) };
    this.paint();
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { press } = this;
    if (!press || press.id !== event.pointerId) return;
    this.press = null;
    if (press.handle && press.moved) return this.chosen.keep();
    if (!this.ready()) return this.paint();
    const at = this.layer.at(event);
    if (this.bar.way === "extreme") return this.place(press.at);
    if (press.moved || this.points.length) return this.place(at);
    const one = boxAt(this.drawn(), at);
    if (one) this.take(/** @type {Boxed} */ (one));
  }

  /** The first point. @param {Point} at */
  begin(at) {
    this.points = [{ x: inPicture(at.x), y: inPicture(at.y) }];
    this.at_us = this.player.t_us;
  }

  /** Place a point; the last one completes the box. @param {Point} at */
  place(at) {
    if (this.points.length) this.points = [...this.points, { x: inPicture(at.x), y: inPicture(at.y) }];
    else this.begin(at);
    const extreme = this.bar.way === "extreme";
    if (this.points.length < (extreme ? 4 : 2)) return this.paint();
    const { points, at_us: t_us } = this;
    const box = around(points);
    const least = this.layer.share(SMALLEST_PX);
    this.drop();
    if (box[2] - box[0] < least.x || box[3] - box[1] < least.y) {
      return note("That box has no width or no height: draw it again.", "error");
    }
    this.save({ box, points: extreme ? points : null, t_us });
  }

  /** Take the last point back. */
  takeBack() {
    if (this.unsaved) return this.drop();
    if (!this.points.length) return note("There is no point to take back; Z takes back a box that is drawn.");
    this.points = this.points.slice(0, -1);
    this.paint();
  }

  /** @param {{box: Box, points: Point[]|null, t_us: number}} made */
  save(made) {
    const { bar, video } = this;
    const { box, points, t_us } = made;
    const going = bar.continuing;
    const label = bar.label === null ? {} : { concept: state.concept, value: bar.label };
    const place = points ? { box: null, points: pairs(points) } : { box, points: null };
    const fixed = { video, t_us, class: bar.class, ...place, ...label };
    this.unsaved = made;
    const body = () => {
      if (!going) return fixed;
      const { now } = this.chosen; // the one drawn before, whose answer has come by now
      if (now?.video === video) return { ...fixed, continues: now.detection_id };
      throw new Error("There is no box left to continue: untick that, and press Enter over the picture.");
    };
    this.request("/api/boxes", body, (said) => {
      if (this.unsaved === made) this.unsaved = null;
      if (this.video === video) this.chosen.drawn(said, video, points);
    });
  }

  /**
   * One request after the other, in turn with labels and undo.
   * @param {string} path @param {() => Object<string, *>} body @param {(said: *) => void} done
   */
  request(path, body, done) {
    this.saving++;
    send(async () => {
      let said;
      try {
        said = await post(path, body());
      } catch (error) {
        this.overlay.reset(); // what the server has is shown again
        throw error;
      } finally {
        this.saving--;
        this.paint();
      }
      done(said);
      return said;
    }, true);
    this.paint();
  }

  /** @param {Point} by the crosshair goes, from the middle at first */
  steer(by) {
    this.led = false;
    const from = this.cross ?? { x: 0.5, y: 0.5 };
    this.hover(this.cross ? { x: from.x + by.x, y: from.y + by.y } : from);
  }

  /** Place a point where the crosshair is, or try again what the server did not take. */
  enter() {
    if (this.unsaved && this.saving) return; // it is under way; what else is saved hinders no point
    if (this.unsaved) return this.save(this.unsaved);
    if (!this.active) return;
    if (!this.cross) return this.steer({ x: 0, y: 0 });
    this.player.pause();
    if (this.ready()) this.place(this.cross);
  }

  paint() {
    const { active, points, cross, unsaved, chosen: { now, here } } = this;
    const marks = this.drawn().map((one) => 
      ({ id: one.detection_id, box: one.box, between: Boolean(one.interpolated) }));
    const words = now ? `continues from ${clock(now.start_us, 3)}` : "";
    const shown = now && (here || this.bar.continuing) ? { box: now.box, points: now.points, here, words } : null;
    const draft = unsaved && unsaved.t_us === this.player.t_us ? unsaved.box : null;
    this.layer.paint({ active, way: this.bar.way, points, cross, unsaved: draft, chosen: shown, marks });
    this.bar.show(active || here);
    this.bar.say(this.words(), this.placed());
  }

  /** What to do next. */
  words() {
    if (this.saving) return "Saving …";
    if (this.unsaved) return "Not saved: Enter tries again, Backspace drops it.";
    if (!this.active) return "Drag its corners and edges, or Alt and arrows; Del removes it.";
    return hint(this.bar.way, this.points);
  }

  /** Where the crosshair is, in pixels of the video. */
  placed() {
    const { video } = this.player;
    if (!this.cross || !video?.width || !video.height) return "";
    return `${Math.round(this.cross.x * video.width)}, ${Math.round(this.cross.y * video.height)} px`;
  }
}
