/** The status line: what is selected, how right the rule is, what happened last, what is at work. */

import { del, get } from "./api.js";
import { el } from "./dialogs.js";
import { counted, share } from "./formats.js";
import { undo } from "./labelling.js";
import * as choice from "./selection.js";
import { dispatch, note, state, subscribe } from "./store.js";

const PAUSE_MS = 600;
const Z = 1.96;
/** What the keys are for that depend on the pane in focus. @type {Object<string, [string, string]>} */
const KEYS = {
  grid: ["results", "N rejects, P goes back"],
  inspector: ["video", "N P next and previous hit, Shift N rejects"],
  timeline: ["timeline", "N P next and previous hit, Shift N rejects"],
  drawing: ["picture", "Enter places a point, Del removes the chosen box, Esc leaves"],
  query: ["query", "Enter runs it, Esc leaves"],
};
const HINT = "Labels go to the selection, else to the item in focus. Everything can be undone. ? lists the keys.";

/** @param {HTMLElement} pane */
export function mount(pane) {
  const selected = el("span", { class: "status-selected" });
  const precision = el("span", { class: "status-precision" });
  const said = el("span", { class: "status-note", role: "status", "aria-live": "polite" });
  const link = { type: "button", class: "link", hidden: true };
  const back = el("button", { ...link, onclick: undo }, "Undo ", el("kbd", {}, "Z"));
  const jobs = el("span", { class: "status-jobs" });
  const keys = el("span", { class: "status-keys" });
  pane.append(keys, selected, precision, said, back, jobs);
  const tellKeys = () => {
    const [name, about] = KEYS[state.pane] ?? ["", ""];
    keys.replaceChildren(...(name ? ["Keys: ", el("b", {}, name), ` · ${about}`] : []));
  };
  subscribe("pane", tellKeys);
  tellKeys();
  const tellSelected = () => {
    const count = choice.selectedCount(state.selection, state.result?.total ?? 0);
    selected.textContent = count ? counted(count, "selected", "selected") : "";
  };
  for (const event of ["result", "selection"]) subscribe(event, tellSelected);
  subscribe("precision", () => {
    precision.textContent = precisionText();
  });
  subscribe("note", () => {
    const { text = "", kind = "info", undo: offer = false } = state.note ?? {};
    said.textContent = text || HINT;
    said.className = `status-note is-${text ? kind : "hint"}`;
    back.hidden = !offer;
  });
  subscribe("jobs", () => {
    jobs.replaceChildren(...Object.entries(state.jobs).map(([id, job]) => jobText(id, job)));
  });
  watchPrecision();
  dispatch("note");
}

function precisionText() {
  if (!state.precision) return "";
  const { value, interval, judged } = state.precision;
  const range = `[${share(interval[0])}–${share(interval[1])}]`;
  return `precision of this rule ${share(value)} ${range} from ${judged} judged`;
}

/**
 * @param {string} id
 * @param {{name: string, share: ?number, progress: ?string}} job
 */
function jobText(id, job) {
  const known = typeof job.share === "number";
  const bar = el("progress", { max: 1, value: known ? job.share : null, "aria-label": job.name });
  const cancel = () =>
    void del(`/api/jobs/${encodeURIComponent(id)}`).catch((error) => note(error.message, "error"));
  return el(
    "span",
    { class: "job" },
    `${job.name}${job.progress ? `: ${job.progress}` : ""} `,
    bar,
    el("button", { type: "button", class: "link", onclick: cancel }, "cancel"),
  );
}

/** Judgements of the result at hand, pooled over its buckets, give the precision of the rule. */
function watchPrecision() {
  let timer = 0;
  let asked = "";
  const read = async () => {
    const { result, concept } = state;
    asked = result ? `${result.id} ${concept}` : "";
    const now = asked;
    if (!result || !result.detections || !result.total) return dispatch("precision", { precision: null });
    try {
      const { buckets } = await get("/api/buckets", { result: result.id, concept, by: "score", buckets: 8 });
      if (now === asked) dispatch("precision", { precision: pooled(buckets) });
    } catch (error) {
      if (now !== asked) return;
      dispatch("precision", { precision: null });
      console.warn("precision", error); // a figure beside the work: the next action says what is wrong
    }
  };
  for (const event of ["result", "concept", "labels"]) {
    subscribe(event, () => {
      clearTimeout(timer);
      timer = setTimeout(() => void read(), PAUSE_MS);
    });
  }
}

/** @param {Array<{judged: number, wrong: number}>} buckets */
function pooled(buckets) {
  const judged = buckets.reduce((sum, bucket) => sum + bucket.judged, 0);
  const wrong = buckets.reduce((sum, bucket) => sum + bucket.wrong, 0);
  return judged ? { value: (judged - wrong) / judged, interval: wilson(judged - wrong, judged), judged } : null;
}

/**
 * Wilson's interval of a share, 95 %.
 * @param {number} right
 * @param {number} judged
 * @returns {[number, number]}
 */
function wilson(right, judged) {
  const p = right / judged;
  const scale = 1 + (Z * Z) / judged;
  const middle = (p + (Z * Z) / (2 * judged)) / scale;
  const half = (Z / scale) * Math.sqrt((p * (1 - p)) / judged + (Z * Z) / (4 * judged * judged));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
