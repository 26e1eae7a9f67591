/** A widget of a notebook: the page's grid, or its timeline, or both, around rows that Python gave. */

import { mountAlike } from "./alike.js";
import { frameUrl, get, setTransport, showPicture } from "./api.js";
import { Carrier } from "./carrier.js";
import { el, openDialog } from "./dialogs.js";
import { sentence } from "./fields.js";
import { counted, time } from "./formats.js";
import { firmSelection, mount as mountGrid } from "./grid.js";
import { openHelp } from "./help.js";
import { bind, listen } from "./keys.js";
import { mountLabelling } from "./labelling.js";
import { setRoot } from "./root.js";
import { asBody } from "./selection.js";
import { mount as mountStatus } from "./status.js";
import { dispatch, note, state, subscribe } from "./store.js";
import { followTheme } from "./theme.js";
import { mount as mountTimeline } from "./timeline.js";

const SYNC_MS = 80;
const AGAIN_MS = 2000;
const STILL_HEIGHT = 240;
const FRAME_HEIGHT = 720;
const SLOW = "The kernel is busy: this is answered when the cell that runs has ended.";

/** @param {Promise<*>} work */
const told = (work) => work.catch((error) => note(sentence(error), "error"));

/**
 * @param {import("./carrier.js").Model} model
 * @param {HTMLElement} output of the cell
 * @param {string} style
 * @returns {function(): void} takes the widget down
 */
export function mount(model, output, style) {
  const host = output.appendChild(el("div"));
  const carrier = new Carrier(model, () => note(SLOW));
  setTransport({
    ask: (path, options) => carrier.ask(path, options),
    picture: (address) => carrier.picture(address),
    unreached: carrier.unreached,
  });
  const shadow = host.attachShadow({ mode: "open" });
  const unthemed = followTheme(host);
  ownKeys(host);
  setRoot(shadow);
  listen();
  const parts = /** @type {string[]} */ (model.get("parts"));
  const page = panes(parts, Number(model.get("height")));
  shadow.replaceChildren(el("style", {}, style), page.element);
  mountParts(page);
  const unbound = [follow(model, "result", newResult), follow(model, "concept", newConcept), tellChosen(model)];
  subscribe("open", () => state.row && showFrame(state.row));
  subscribe("concept", () => set(model, "concept", state.concept));
  subscribe("labels", () => void told(readCollection()));
  watchOthers(host);
  void told(begin(model));
  return () => {
    for (const unbind of [...unbound, unthemed]) unbind();
    carrier.close();
    host.remove();
  };
}

/** Keys inside the widget are its own: a notebook would cut or merge cells at an x or an m. @param {HTMLElement} host */
function ownKeys(host) {
  host.setAttribute("data-lm-suppress-shortcuts", "true"); // Jupyter hears keys before we do
  host.addEventListener("keydown", (event) => event.stopPropagation());
}

/** @typedef {Object<string, ?HTMLElement> & {element: HTMLElement}} Panes */

/** @param {string[]} parts @param {number} height @returns {Panes} */
function panes(parts, height) {
  const pane = (/** @type {string} */ id, /** @type {string} */ label) =>
    parts.includes(id) ? el("section", { id, class: "pane", "aria-label": label, tabindex: -1 }) : null;
  const [grid, timeline] = [pane("grid", "Results"), pane("timeline", "Timeline")];
  const status = el("footer", { id: "status", class: "pane", "aria-label": "Status" });
  const head = el("header", { class: "widget-head" });
  const element = el("div", { class: grid ? "widget has-grid" : "widget" }, head, grid, timeline, status);
  if (grid) element.style.height = `${height}px`;
  return { element, head, grid, timeline, status };
}

/** @param {Panes} page */
function mountParts({ head, grid, timeline, status }) {
  mountStatus(/** @type {HTMLElement} */ (status));
  if (grid) {
    mountGrid(grid);
    mountLabelling();
    mountAlike();
  }
  mountHead(/** @type {HTMLElement} */ (head), !grid);
  if (!timeline) return;
  if (!grid) timeline.before(still());
  mountTimeline(timeline);
  subscribe("seek", (_, { seek }) => seek && dispatch("time", { playing: { video: seek.video, t_us: seek.t_us } }));
  const foreign = (/** @type {WheelEvent} */ event) => {
    const ours = event.ctrlKey || timeline.matches(":focus-within");
    if (!ours) event.stopPropagation(); // the notebook scrolls on, unless the timeline is in use
  };
  timeline.addEventListener("wheel", foreign, { capture: true });
}

/** @param {HTMLElement} head @param {boolean} choosing whether a video is chosen here */
function mountHead(head, choosing) {
  const title = el("span", { class: "title" });
  const videos = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": "Video", hidden: !choosing }));
  const help = el("button", { type: "button", class: "link", title: "All keys", onclick: openHelp },
    "Keys ", el("kbd", {}, "?"));
  head.append(title, videos, help);
  bind({ keys: ["?", "F1"], group: "Tools", text: "this list of keys", run: openHelp });
  subscribe("result", () => {
    const { result } = state;
    title.textContent = result
      ? `${counted(result.total, "row")} · ${counted(result.videos, "video")} · ${result.text}` : "";
    title.title = result?.text ?? "";
    if (choosing && result) void told(fillVideos(videos, result.id));
  });
  videos.addEventListener("change", () => void told(lookAt(Number(videos.value))));
}

/** @param {HTMLSelectElement} select @param {string} result */
async function fillVideos(select, result) {
  const path = `/api/results/${encodeURIComponent(result)}/groups`;
  const { groups } = await get(path, { by: "video", concept: state.concept });
  if (state.result?.id !== result) return;
  select.replaceChildren(...groups.map((/** @type {*} */ { key, count, first_row }) =>
    el("option", { value: first_row }, `${key} (${counted(count, "hit")})`)));
  if (groups.length) await lookAt(groups[0].first_row);
}

/** Show the timeline around a row. @param {number} position */
async function lookAt(position) {
  const { result } = state;
  if (!result) return;
  const path = `/api/results/${encodeURIComponent(result.id)}/rows`;
  const [row] = (await get(path, { offset: position, limit: 1, concept: state.concept })).rows;
  if (!row || state.result?.id !== result.id) return;
  dispatch("focus", { focus: position, row });
  dispatch("seek", { seek: { video: row.video, t_us: row.start_us } });
}

/** The frame where the timeline is. */
function still() {
  const image = /** @type {HTMLImageElement} */ (el("img", { alt: "" }));
  const words = el("figcaption", { class: "quiet", "aria-live": "polite" });
  image.addEventListener("error", () => (words.textContent = "This frame cannot be shown."));
  subscribe("time", () => {
    const { video, t_us } = state.playing;
    if (!video) return;
    image.alt = words.textContent = `${video} at ${time(t_us, 3)}`;
    showPicture(image, frameUrl(video, t_us, STILL_HEIGHT));
  });
  return el("figure", { class: "still" }, image, words);
}

/** Show the whole frame of an item, with its box. @param {import("./store.js").Row} row */
function showFrame({ video, start_us, box, label }) {
  const image = /** @type {HTMLImageElement} */ (el("img", { alt: `${video} at ${time(start_us, 3)}` }));
  const frame = el("div", { class: "whole-frame" }, image);
  const problem = el("p", { role: "status" });
  image.addEventListener("error", () => (problem.textContent = "This frame cannot be shown."));
  if (box) {
    const mark = el("div", { class: "frame-box", "aria-hidden": "true" });
    const [x1, y1, x2, y2] = box.map((/** @type {number} */ side) => `${side * 100}%`);
    Object.assign(mark.style, { left: x1, top: y1, right: `calc(100% - ${x2})`, bottom: `calc(100% - ${y2})` });
    frame.append(mark);
  }
  showPicture(image, frameUrl(video, start_us, FRAME_HEIGHT));
  const title = [label, `${video} at ${time(start_us, 3)}`].filter(Boolean).join(", ");
  openDialog({ title, body: el("div", {}, frame, problem), wide: true });
}

/** @param {import("./carrier.js").Model} model */
async function begin(model) {
  state.concept = String(model.get("concept"));
  await readCollection();
  newResult(model.get("result"));
}

async function readCollection() {
  dispatch("collection", { collection: await get("/api/collection") });
}

/** @param {*} result */
const newResult = (result) => dispatch("result", { result: result?.id ? result : null });

/** @param {*} concept */
function newConcept(concept) {
  if (concept !== state.concept) dispatch("concept", { concept: String(concept) });
}

/**
 * @param {import("./carrier.js").Model} model @param {string} name @param {function(*): void} heard
 * @returns {function(): void}
 */
function follow(model, name, heard) {
  const changed = () => heard(model.get(name));
  model.on(`change:${name}`, changed);
  return () => model.off(`change:${name}`, changed);
}

/** @param {import("./carrier.js").Model} model @param {string} name @param {*} value */
function set(model, name, value) {
  if (JSON.stringify(model.get(name)) === JSON.stringify(value)) return;
  model.set(name, value);
  model.save_changes();
}

/** Tell Python what is selected. @param {import("./carrier.js").Model} model @returns {function(): void} */
function tellChosen(model) {
  let timer = 0;
  const tell = () => {
    const { result, selection } = state;
    const none = !result || selection.mode === "none";
    set(model, "chosen", none ? {} : asBody(firmSelection(), result.id));
  };
  subscribe("selection", () => {
    clearTimeout(timer);
    timer = setTimeout(tell, SYNC_MS);
  });
  return () => clearTimeout(timer);
}

/** Labels given in another cell, tab or program show up when one comes back to the widget. @param {HTMLElement} host */
function watchOthers(host) {
  let last = 0;
  const look = async () => {
    if (state.collection === null || Date.now() - last < AGAIN_MS) return;
    last = Date.now();
    const { last_event } = await get("/api/events", { after: state.collection.last_event, limit: 1 });
    if (last_event !== state.collection.last_event) dispatch("labels", {});
  };
  for (const event of ["pointerenter", "focusin"]) host.addEventListener(event, () => void told(look()));
}
