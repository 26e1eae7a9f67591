/** The inspector: the video around the item in focus, and why the item has its label. */

import { get } from "./api.js";
import { Controls } from "./controls.js";
import { el } from "./dialogs.js";
import { sentence } from "./fields.js";
import { Drawing } from "./drawing.js";
import { bind } from "./keys.js";
import { clock, svg } from "./lanes.js";
import { Marking } from "./marking.js";
import { Overlay } from "./overlay.js";
import { Player } from "./player.js";
import { dispatch, note, state, subscribe } from "./store.js";
import { videoOf } from "./videos.js";
import { WhyPanel } from "./why.js";

/** @typedef {import("./store.js").Row} Row */

const SETTLED_MS = 90;
const SOURCES = {
  human: "said by a person",
  propagated: "propagated",
  fused: "from votes",
  predicted: "predicted by a model",
};

/** @param {HTMLElement} element */
export function mount(element) {
  const inspector = new Inspector(element);
  subscribe("focus", () => inspector.follow());
  subscribe("collection", () => inspector.follow());
  subscribe("result", () => inspector.follow());
  subscribe("concept", () => inspector.explainAgain());
  subscribe("labels", () => inspector.explainAgain());
  subscribe("row", () => inspector.refreshed());
  subscribe("open", () => inspector.open());
  subscribe("seek", (_, { seek }) => inspector.seek(seek));
}

class Inspector {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.layer = svg("svg", { class: "boxes-layer", "aria-hidden": "true" });
    this.message = el("p", { class: "stage-message", role: "status" });
    this.picture = el("div", { class: "on-show" }, this.layer);
    this.stage = el("div", { class: "stage" }, this.picture, this.message);
    this.player = new Player(this.picture, async (video, start_us, end_us) =>
      (await get("/api/frames", { video, start_us, end_us })).start_us,
    );
    this.overlay = new Overlay(
      /** @type {SVGElement} */ (this.layer),
      (video, start_us, end_us) =>
        get("/api/overlay", { video, start_us, end_us, concept: state.concept }),
      (error) => note(`The boxes over the picture cannot be read: ${sentence(error)}`, "error"),
    );
    this.drawing = new Drawing(this.player, this.overlay);
    this.picture.append(this.drawing.layer.element);
    this.controls = new Controls(this.player, this.overlay);
    this.controls.element?.append(this.drawButton());
    this.marking = new Marking(this.player);
    this.label = el("p", { class: "inspected-label" });
    this.facts = el("div", { class: "facts" });
    this.why = new WhyPanel(el("section", { class: "why", "aria-label": "Why this label" }));
    this.timer = 0;
    this.whyTimer = 0;
    /** @type {Row|null} */
    this.row = null;
    this.shown = "";
    element.replaceChildren(
      el("h2", { class: "hidden-heading" }, "Inspector"), this.stage,
      /** @type {HTMLElement} */ (this.drawing.bar.element),
      /** @type {HTMLElement} */ (this.controls.element), this.marking.element,
      el("div", { class: "inspected" }, this.label, this.why.element, this.facts),
    );
    this.keys();
    this.player.arrive = () => this.arrive();
    for (const news of ["loadedmetadata", "load"]) {
      this.picture.addEventListener(news, (event) => this.measured(event), true); // they do not bubble
    }
    this.player.addEventListener("time", () => this.told());
    this.player.addEventListener("state", () => this.say());
    this.player.addEventListener("failed", () => note(this.player.failure, "error"));
    this.say();
  }

  keys() {
    const key = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ run) =>
      bind({ keys: [name], text, group: "Spans of time", run });
    key("i", "a span starts here (while playing: a reaction time before)", () => void this.marking.onset());
    key("o", "the span ends here, and gets its label", () => void this.marking.offset());
  }

  /** Follow the row in focus, once the focus rests. */
  follow() {
    this.rest();
    if (state.row === null) {
      if (state.focus === null) this.empty();
      else this.leave();
      return;
    }
    if (this.nameOf(state.row) !== this.shown) this.leave();
    this.timer = setTimeout(() => this.arrive(), SETTLED_MS);
  }

  /** Wait no longer. */
  rest() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Show the row that waits for the focus to rest, at once. */
  arrive() {
    if (!this.timer) return;
    this.rest();
    void this.look();
  }

  /** Another item is in focus: what is said of the last one is no longer seen. */
  leave() {
    this.label.textContent = "";
    this.facts.classList.add("stale");
    this.why.leave();
  }

  empty() {
    this.row = null;
    this.shown = "";
    this.overlay.choose(null);
    this.facts.replaceChildren();
    this.label.textContent = "";
    void this.why.show(null);
    this.say();
  }

  async look() {
    const { row } = state;
    const video = row && videoOf(row.video);
    if (!row || !video) return;
    const moved = this.nameOf(row) !== this.shown;
    [this.row, this.shown] = [row, this.nameOf(row)];
    this.describe(row);
    if (!moved) return this.why.stay();
    this.explain();
    this.overlay.choose(row.detection_id ?? null);
    await this.play(video, row.start_us);
    if (row.end_us > row.start_us) this.player.setLoop(row);
    this.say();
  }

  /** Show a video from a time on; boxes of another one go at once. @param {*} video @param {number} t_us */
  async play(video, t_us) {
    if (video.video !== this.player.video?.video) this.overlay.clear();
    this.shape(video.width, video.height);
    await this.player.open(video, t_us);
  }

  /** Give the picture its shape, so that shares of it are exact whatever room there is. @param {number} width @param {number} height */
  shape(width, height) {
    const ratio = width > 0 && height > 0 ? width / height : 16 / 9;
    this.stage.style.aspectRatio = String(ratio);
    this.picture.style.setProperty("--ratio", String(ratio));
  }

  /** The screen knows its picture, whose shape may be another than the pixels say. @param {Event} event */
  measured(event) {
    const { target } = event;
    if (target instanceof HTMLVideoElement) this.shape(target.videoWidth, target.videoHeight);
    if (target instanceof HTMLImageElement) this.shape(target.naturalWidth, target.naturalHeight);
  }

  drawButton() {
    return el("button", {
      type: "button", title: "Draw a box over the picture (b)", "aria-keyshortcuts": "b",
      onclick: () => this.drawing.start(false),
    }, "✎ Box ", el("kbd", {}, "B"));
  }

  /** The row in focus was read again. */
  refreshed() {
    if (state.row && this.shown === this.nameOf(state.row)) this.describe(state.row);
  }

  /** @param {Row} row */
  nameOf(row) {
    return `${state.result?.id} ${row.row}`;
  }

  /** Show and play the row in focus. */
  async open() {
    this.rest();
    this.shown = "";
    await this.look();
    if (!this.row) return;
    this.player.looping = this.row.end_us - this.row.start_us > 300_000;
    this.player.play(this.player.speed);
  }

  /** @param {{video?: string, t_us: number}} seek */
  async seek({ video, t_us }) {
    const known = video ? videoOf(video) : this.player.video;
    if (!known) return;
    this.arrive();
    await this.play(known, t_us);
  }

  /** Labels or the concept changed. */
  explainAgain() {
    this.overlay.reset();
    this.explain();
  }

  explain() {
    clearTimeout(this.whyTimer);
    const { row } = this;
    if (!row || !state.result) return;
    const item = row.detection_id === undefined || row.detection_id === null
      ? { concept: state.concept, result: state.result.id, row: row.row }
      : { concept: state.concept, detection_id: row.detection_id };
    this.whyTimer = setTimeout(() => void this.why.show(item), SETTLED_MS);
  }

  told() {
    const { video, t_us } = this.player;
    void this.overlay.show(video?.video ?? "", t_us);
    dispatch("time", { playing: { video: video?.video ?? null, t_us } });
  }

  /** Say what is missing where the picture would be. */
  say() {
    const { video, missing, screen } = this.player;
    this.stage.classList.toggle("empty", !video);
    this.message.textContent = !video
      ? "Run a query and choose an item: its video shows here."
      : missing ? `The file of ${video.video} cannot be read; labels and times are still here.` : "";
    this.message.hidden = !this.message.textContent;
    this.stage.classList.toggle("pictures", Boolean(screen && !screen.native));
  }

  /** @param {Row} row */
  describe(row) {
    const entries = [
      ["Video", row.video],
      ["Time", `${clock(row.start_us, 3)} – ${clock(row.end_us, 3)}`],
      ["Score", row.score === null || row.score === undefined ? "" : row.score.toFixed(3)],
      ["Track", row.track ?? ""],
      ["Detection", row.detection_id ?? ""],
      ...Object.entries(row.more ?? {}).filter(([name]) => name !== state.concept).slice(0, 12),
    ].filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const list = entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, written(value))]);
    this.facts.replaceChildren(el("h3", {}, "Item"), el("dl", {}, ...list));
    this.facts.classList.remove("stale");
    this.label.textContent = labelled(row);
  }
}

/** @param {*} value */
const written = (value) =>
  typeof value === "object" ? JSON.stringify(value)
    : typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : String(value);

/** @param {Row} row */
function labelled(row) {
  const more = row.unsure ? ["unsure"] : [];
  if (row.conflict) more.push("sources conflict");
  const source = row.label_source ? SOURCES[row.label_source] : "";
  if (source) more.unshift(source);
  if (row.label_source && row.label_source !== "human" && typeof row.probability === "number") {
    more.push(`probability ${row.probability.toFixed(2)}`);
  }
  const label = row.label ?? (row.label_source === "human" ? "none of them" : "no label");
  return `${state.concept}: ${label}${more.length ? ` (${more.join(", ")})` : ""}`;
}
