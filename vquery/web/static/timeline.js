/** The timeline: one lane for each source of labels, around what the player shows. */

import { get, isAbort, isGone, post } from "./api.js";
import { el } from "./dialogs.js";
import { FrameTable } from "./frames.js";
import { focusPosition } from "./grid.js";
import {
  around, barAt, clock, describe, drawLanes, inside, panned, showing, svg, toX, zoomed,
} from "./lanes.js";
import * as palette from "./palette.js";
import { Pointing } from "./pointing.js";
import { timelineKeys } from "./timeline_keys.js";
import { dispatch, note, state, subscribe } from "./store.js";
import { videoOf } from "./videos.js";

/**
 * @typedef {import("./lanes.js").Bar} Bar
 * @typedef {import("./lanes.js").Lane} Lane
 * @typedef {import("./lanes.js").Span} Span
 */

const LOAD_MS = 120;
const PX_PER_BAR = 2;
const PAUSE_FOLLOWING_MS = 3000;
const SAME_FRAME_US = 1_000_000;
const SEEKING_MS = 500;
const EMPTY = "The timeline shows the video of the item in focus.";

/** @param {HTMLElement} element */
export function mount(element) {
  const timeline = new Timeline(element);
  timelineKeys(timeline);
  subscribe("time", () => timeline.moveHead());
  subscribe("focus", () => timeline.follow());
  subscribe("marking", () => timeline.drawMark());
  for (const event of ["labels", "concept", "result", "collection", "palette"]) {
    subscribe(event, () => timeline.reload());
  }
}

export class Timeline {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.video = "";
    /** @type {Span} */
    this.view = { start_us: 0, end_us: 10_000_000 };
    /** @type {Lane[]} */
    this.lanes = [];
    /** The bar that keys act on. @type {{kind: string, bar: Bar}|null} */
    this.chosen = null;
    this.lane = 0;
    /** @type {FrameTable|null} of the video */
    this.frames = null;
    this.timer = 0;
    this.drawing = 0;
    this.moved = -PAUSE_FOLLOWING_MS;
    this.lastHit = { us: -SAME_FRAME_US, at: -SEEKING_MS };
    /** @type {AbortController|null} */
    this.asked = null;
    this.build(element);
    this.pointing = new Pointing(this);
    new ResizeObserver(() => this.resized()).observe(this.area);
    this.draw();
  }

  /** @param {HTMLElement} element */
  build(element) {
    this.title = el("span", { class: "timeline-title" });
    this.said = el("output", { class: "timeline-said quiet", "aria-live": "polite" });
    this.names = el("div", { class: "lane-names", "aria-hidden": "true" });
    this.drawnLanes = /** @type {SVGElement} */ (svg("svg", {
      class: "lanes", tabindex: 0, role: "group", "aria-roledescription": "timeline",
      "aria-label": "Lanes: arrows choose a bar, Enter goes there",
    }));
    this.mark = el("div", { class: "span-mark", hidden: true });
    this.head = el("div", { class: "playhead", hidden: true });
    this.ring = el("div", { class: "bar-ring", hidden: true });
    this.thumb = el("figure", { class: "thumb", hidden: true, "aria-hidden": "true" });
    this.window = el("div", { class: "overview-window" });
    this.area = el("div", { class: "lanes-area" },
      this.drawnLanes, this.mark, this.ring, this.head);
    this.empty = el("p", { class: "quiet timeline-empty" }, EMPTY);
    this.body = el("div", { class: "timeline-body" }, this.names, this.area);
    element.replaceChildren(
      el("h2", { class: "hidden-heading" }, "Timeline"),
      this.toolbar(), this.empty,
      el("div", { class: "overview", "aria-hidden": "true" }, this.window),
      this.body, this.thumb,
    );
  }

  toolbar() {
    const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ run) =>
      el("button", { type: "button", class: "icon", title, "aria-label": title, onclick: run }, text);
    return el(
      "div", { class: "timeline-bar", role: "group", "aria-label": "Timeline view" },
      this.title,
      button("‹", "Previous hit (p)", () => void this.hit(-1)),
      button("›", "Next hit (n)", () => void this.hit(1)),
      button("−", "Show more time", () => this.zoom(2)),
      button("+", "Show less time", () => this.zoom(0.5)),
      button("⇔", "The whole video", () => this.fit()),
      legend(), this.said,
    );
  }

  get duration_us() {
    return videoOf(this.video)?.duration_us ?? this.view.end_us;
  }

  get width() {
    return Math.max(this.area?.clientWidth ?? 0, 50);
  }

  /** Show the stretch around the row in focus. */
  follow() {
    const { row } = state;
    if (!row || !videoOf(row.video)) return;
    const seen = row.video === this.video && row.start_us >= this.view.start_us
      && row.end_us <= this.view.end_us;
    if (seen) return;
    this.take(row.video, around(row, videoOf(row.video).duration_us));
  }

  /** @param {string} video @param {Span} view */
  take(video, view) {
    if (video !== this.video) {
      this.lanes = [];
      this.chosen = null;
      this.say("");
      this.frames = new FrameTable(
        async (start_us, end_us) => (await get("/api/frames", { video, start_us, end_us })).start_us,
        videoOf(video)?.duration_us ?? 0,
      );
    }
    this.video = video;
    this.setView(view);
  }

  /** @param {Span} view @param {boolean} [byHand] */
  setView(view, byHand = false) {
    this.view = inside(view, this.duration_us);
    if (byHand) this.moved = performance.now();
    this.draw();
    this.reload();
  }

  reload() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), LOAD_MS);
  }

  async load() {
    if (!this.video || !videoOf(this.video)) return;
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    const [video, view] = [this.video, this.view];
    const width = Math.min(Math.max(Math.round(this.width / PX_PER_BAR), 50), 2000);
    const result = state.result?.id;
    try {
      const { lanes } = await get("/api/timeline",
        { video, ...view, width, result, concept: state.concept }, { signal: asked.signal });
      if (video !== this.video) return;
      this.lanes = lanes;
      this.lane = Math.min(this.lane, Math.max(lanes.length - 1, 0));
      this.chosenAgain();
      this.draw();
    } catch (error) {
      if (isGone(error) && result === state.result?.id) dispatch("gone");
      else if (!isAbort(error)) this.say(error instanceof Error ? error.message : String(error));
    }
  }

  /** Find the chosen bar among those that were just read; it may have been merged or moved. */
  chosenAgain() {
    const { chosen } = this;
    const lane = chosen && this.lanes.find((one) => one.kind === chosen.kind);
    const bar = lane?.bars.find((one) => one.start_us === chosen.bar.start_us);
    this.chosen = lane && bar ? { kind: lane.kind, bar } : null;
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const known = Boolean(this.video);
    this.empty.hidden = known;
    this.body.hidden = !known;
    const video = videoOf(this.video);
    const { start_us, end_us } = this.view;
    const decimals = end_us - start_us < 20_000_000 ? 1 : 0;
    this.title.textContent = known
      ? `${this.video} ${clock(start_us, decimals)}–${clock(end_us, decimals)}` : "";
    if (!known) return;
    drawLanes(/** @type {SVGElement} */ (this.drawnLanes), this.lanes, this.view, this.width, hues());
    this.names.replaceChildren(...this.lanes.map((lane, at) => laneName(lane, at === this.lane)));
    const whole = Math.max(video?.duration_us ?? end_us, 1);
    this.window.style.left = `${(start_us / whole) * 100}%`;
    this.window.style.width = `${Math.max(((end_us - start_us) / whole) * 100, 0.5)}%`;
    this.drawRing();
    this.drawMark();
    this.moveHead();
  }

  resized() {
    this.draw();
    this.reload();
  }

  /** Put the line where the player is, and follow it while nobody else moves the view. */
  moveHead() {
    const { video, t_us } = state.playing;
    if (video && video !== this.video) {
      const span = { start_us: t_us, end_us: t_us };
      this.take(video, around(span, videoOf(video)?.duration_us ?? t_us + 1));
    }
    const here = Boolean(video) && video === this.video;
    const seen = here && t_us >= this.view.start_us && t_us <= this.view.end_us;
    if (here && !seen && performance.now() - this.moved > PAUSE_FOLLOWING_MS) {
      this.setView(showing(this.view, t_us, this.duration_us));
    }
    this.head.hidden = !seen;
    if (seen) this.head.style.transform = `translateX(${toX(this.view, this.width, t_us)}px)`;
    if (state.marking && state.marking.end_us === null) this.drawMark();
  }

  /** The span in the making. */
  drawMark() {
    const { marking, playing } = state;
    const here = marking && marking.video === this.video;
    this.mark.hidden = !here;
    this.mark.style.removeProperty("top");
    if (!here) return;
    const end = marking.end_us ?? Math.max(playing.t_us, marking.start_us);
    this.place(this.mark, { start_us: marking.start_us, end_us: end });
  }

  drawRing() {
    const at = this.chosen ? this.lanes.findIndex((one) => one.kind === this.chosen?.kind) : -1;
    this.ring.hidden = at < 0;
    if (at < 0 || !this.chosen) return;
    this.place(this.ring, this.chosen.bar);
    this.ring.style.top = `calc(var(--axis) + ${at} * var(--lane))`;
  }

  /** @param {HTMLElement} element @param {Span} span */
  place(element, span) {
    const left = Math.max(toX(this.view, this.width, span.start_us), -4);
    const right = Math.min(toX(this.view, this.width, span.end_us), this.width + 4);
    element.style.left = `${left}px`;
    element.style.width = `${Math.max(right - left, 3)}px`;
  }

  /** @param {number} factor @param {number} [at_us] */
  zoom(factor, at_us) {
    if (!this.video) return;
    const { t_us } = state.playing;
    const { start_us, end_us } = this.view;
    const middle = t_us >= start_us && t_us <= end_us ? t_us : (start_us + end_us) / 2;
    this.setView(zoomed(this.view, factor, at_us ?? middle, this.duration_us), true);
  }

  /** @param {number} share */
  pan(share) {
    if (this.video) this.setView(panned(this.view, share, this.duration_us), true);
  }

  fit() {
    if (this.video) this.setView({ start_us: 0, end_us: this.duration_us }, true);
  }

  /** @param {number} t_us */
  seek(t_us) {
    dispatch("seek", { seek: { video: this.video, t_us } });
  }

  /** @param {number} direction */
  async hit(direction) {
    if (!this.video || !state.result) return note("Run a query first: n and p go through its hits.");
    const at = this.hitFrom();
    const from = direction > 0 ? { after_us: at } : { before_us: at };
    try {
      const params = { result: state.result.id, video: this.video, ...from };
      const found = await get("/api/hits", params);
      if (!found) return note(`No ${direction > 0 ? "later" : "earlier"} hit in this video.`);
      this.lastHit = { us: found.start_us, at: performance.now() };
      this.seek(found.start_us);
      if (inOrder()) focusPosition(found.row);
      this.say(`hit ${found.row + 1}: ${clock(found.start_us, 2)} to ${clock(found.end_us, 2)}`);
    } catch (error) {
      note(error instanceof Error ? error.message : String(error), "error");
    }
  }

  /** From where the next hit is looked for: the last one, while its frame is or comes on show. */
  hitFrom() {
    const { t_us } = state.playing;
    const { us, at } = this.lastHit;
    const there = (t_us <= us && us - t_us < SAME_FRAME_US) || performance.now() - at < SEEKING_MS;
    return there ? us : t_us;
  }

  /** @param {Bar} bar @param {string} kind */
  choose(bar, kind) {
    this.chosen = { kind, bar };
    const at = this.lanes.findIndex((one) => one.kind === kind);
    if (at >= 0) this.lane = at;
    this.say(describe(this.lanes[this.lane], bar));
    this.draw();
  }

  /** The border between two frames that is nearest to a time. @param {number} us */
  async snapped(us) {
    if (!this.frames) return us;
    const { start_us, end_us } = await this.frames.at(us);
    return us - start_us < end_us - us ? start_us : end_us;
  }

  /**
   * Move an edge of a span that a person labelled.
   * @param {Bar} bar @param {Span} wanted
   */
  async trim(bar, wanted) {
    const span = { video: this.video, start_us: bar.start_us, end_us: bar.end_us, concept: state.concept };
    const next = { start_us: Math.round(wanted.start_us), end_us: Math.round(wanted.end_us) };
    try {
      const answer = await post("/api/spans/trim", { span, ...next });
      Object.assign(bar, next);
      if (this.chosen?.bar === bar) this.choose(bar, "human");
      this.draw();
      note(answer.sentence ?? `Moved to ${clock(next.start_us, 2)}–${clock(next.end_us, 2)}.`, "done", true);
      dispatch("labels", {});
    } catch (error) {
      note(error instanceof Error ? error.message : String(error), "error");
    }
    this.reload();
  }

  /** @param {string} text */
  say(text) {
    this.said.textContent = text;
  }

  /** The bar under a place, with its lane. @param {number} lane @param {number} us */
  under(lane, us) {
    const found = this.lanes[lane];
    const tolerance = ((this.view.end_us - this.view.start_us) / this.width) * 4;
    const bar = found && barAt(found.bars, us, tolerance);
    return bar ? { lane: found, bar } : null;
  }
}

/** Whether positions in the grid are the numbers of rows. */
const inOrder = () => state.view.sort === "row" && !state.view.descending && !state.view.group;

/** @param {Lane} lane @param {boolean} chosen */
function laneName(lane, chosen) {
  const many = lane.total.toLocaleString();
  return el("div", { class: chosen ? "lane-name chosen" : "lane-name", title: `${lane.name}: ${many}` },
    el("span", {}, lane.name), el("small", { class: "quiet" }, many));
}

/** The colours of values, each looked up once. @returns {(value: string|null) => number} */
function hues() {
  const known = new Map();
  return (value) => {
    if (!known.has(value)) known.set(value, palette.hue(value));
    return known.get(value);
  };
}

function legend() {
  const one = (/** @type {string} */ state) =>
    el("span", { class: "legend-item" }, el("i", { class: `swatch ${state}` }), state);
  return el("span", { class: "legend" }, one("proposed"), one("confirmed"), one("conflict"));
}
