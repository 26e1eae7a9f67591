/**
 * Precision by score bucket: a sample of a bucket is shown, the wrong ones are clicked, and a
 * threshold with its interval follows.
 */

import { cropUrl, get, post, stripUrl } from "./api.js";
import { el, openDialog } from "./dialogs.js";
import { field, percent, select, sentence } from "./fields.js";
import { count } from "./formats.js";
import { clock } from "./lanes.js";
import { dispatch, note, state } from "./store.js";

const BUCKETS = 8;
const SAMPLE = 12;
const PICTURE = 96;

export function openBuckets() {
  if (!state.result?.total) return note("Run a query first: its hits are judged by their score.", "error");
  const panel = new Judging(state.result.id);
  const dialog = openDialog({
    title: "Precision by score",
    wide: true,
    body: panel.element,
    actions: [{ label: "Close", kind: "main" }],
  });
  panel.fail = dialog.fail;
  void panel.read();
}

class Judging {
  /** @param {string} result */
  constructor(result) {
    this.result = result;
    this.concept = state.concept;
    this.fail = (/** @type {string} */ _) => {};
    this.by = select([["score", "score"], ["probability", "probability of the label"]], "score");
    this.by.addEventListener("change", () => void this.read());
    this.threshold = el("p", { class: "threshold", role: "status" });
    this.list = el("div", {});
    this.sample = el("div", { class: "sample" });
    this.element = el(
      "div", {},
      el("p", {}, `Judge a few items of each bucket: press those whose ${this.concept} is wrong.`),
      el("div", { class: "fields" }, field("Buckets of", this.by)),
      this.threshold, this.list, this.sample,
    );
  }

  async read() {
    this.fail("");
    this.sample.replaceChildren();
    try {
      this.show(await get("/api/buckets",
        { result: this.result, concept: this.concept, by: this.by.value, buckets: BUCKETS }));
    } catch (error) {
      this.list.replaceChildren();
      this.threshold.textContent = "";
      this.fail(sentence(error));
    }
  }

  /** @param {{buckets: Array<*>, threshold: *}} found */
  show({ buckets, threshold }) {
    this.threshold.textContent = said(threshold, this.by.value, buckets);
    const rows = buckets.map((bucket, at) => this.line(bucket, at));
    const heads = [this.by.value, "Hits", "Judged", "Wrong", "Precision", ""];
    this.list.replaceChildren(
      el("table", { class: "facts-table buckets" },
        el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, ...rows)),
    );
  }

  /** @param {*} bucket @param {number} at */
  line(bucket, at) {
    const judge = el("button", {
      type: "button", disabled: !bucket.rows, onclick: () => void this.draw(at, bucket),
    }, "Judge a sample");
    return el("tr", {},
      el("td", {}, `${bucket.low.toFixed(2)} – ${bucket.high.toFixed(2)}`),
      el("td", {}, count(bucket.rows)), el("td", {}, count(bucket.judged)), el("td", {}, count(bucket.wrong)),
      el("td", {}, ...precision(bucket)), el("td", {}, judge));
  }

  /** @param {number} bucket @param {*} facts */
  async draw(bucket, facts) {
    this.fail("");
    try {
      const body = { result: this.result, concept: this.concept, by: this.by.value, bucket, buckets: BUCKETS, n: SAMPLE };
      const { rows } = await post("/api/buckets/sample", body);
      this.showSample(bucket, facts, rows);
    } catch (error) {
      this.fail(sentence(error));
    }
  }

  /** @param {number} bucket @param {*} facts @param {import("./store.js").Row[]} rows */
  showSample(bucket, facts, rows) {
    /** @type {Set<number>} */
    const wrong = new Set();
    const done = /** @type {HTMLButtonElement} */ (el("button", { type: "button", class: "main" }));
    const say = () => (done.textContent = `Save: ${rows.length - wrong.size} right, ${wrong.size} wrong`);
    const pictures = rows.map((row) => picture(row, wrong, say));
    done.addEventListener("click", () => {
      done.disabled = true;
      void this.judge(bucket, rows, wrong).finally(() => (done.disabled = false));
    });
    say();
    const range = `${facts.low.toFixed(2)} – ${facts.high.toFixed(2)}`;
    this.sample.replaceChildren(
      el("h3", {}, `Press the wrong ones of ${range}`),
      el("div", { class: "sample-pictures", role: "group", "aria-label": "Sample: pressed means wrong" }, ...pictures),
      el("p", {}, done),
    );
    /** @type {HTMLElement|undefined} */ (pictures[0])?.focus();
    done.scrollIntoView({ block: "nearest" });
  }

  /** @param {number} bucket @param {import("./store.js").Row[]} rows @param {Set<number>} wrong */
  async judge(bucket, rows, wrong) {
    this.fail("");
    try {
      const right = rows.filter((row) => !wrong.has(row.row)).map((row) => row.row);
      const answer = await post("/api/buckets/judge", {
        result: this.result, concept: this.concept, by: this.by.value, bucket, buckets: BUCKETS,
        right, wrong: [...wrong],
      });
      this.sample.replaceChildren();
      this.show(answer);
      this.list.querySelectorAll("button")[bucket]?.focus();
      note(`Judged ${rows.length} items, ${wrong.size} wrong.`, "done", true);
      dispatch("labels", {});
    } catch (error) {
      this.fail(sentence(error));
    }
  }
}

/**
 * A picture that is pressed where it is wrong.
 * @param {import("./store.js").Row} row @param {Set<number>} wrong @param {() => void} say
 */
function picture(row, wrong, say) {
  const known = row.detection_id !== undefined && row.detection_id !== null;
  const src = known ? cropUrl(/** @type {number} */ (row.detection_id))
    : stripUrl(row.video, row.start_us, row.end_us, { frames: 3, height: PICTURE });
  const words = `${row.label ?? "no label"}, ${row.video} ${clock(row.start_us, 1)}`;
  const button = el("button", { type: "button", class: "judged", "aria-pressed": "false", title: words },
    el("img", { src, alt: words, height: PICTURE }), el("span", { class: "judged-label" }, row.label ?? ""),
    el("span", { class: "judged-mark", "aria-hidden": "true" }, "✗ wrong"));
  button.addEventListener("click", () => {
    if (!wrong.delete(row.row)) wrong.add(row.row);
    button.setAttribute("aria-pressed", String(wrong.has(row.row)));
    say();
  });
  return button;
}

/** @param {*} bucket */
function precision({ judged, precision: value, interval }) {
  if (!judged || value === null || !interval) return ["–"];
  const bar = el("span", { class: "interval", "aria-hidden": "true" });
  const inner = el("span", { class: "interval-range" });
  const point = el("span", { class: "interval-point" });
  inner.style.left = `${interval[0] * 100}%`;
  inner.style.width = `${(interval[1] - interval[0]) * 100}%`;
  point.style.left = `${value * 100}%`;
  bar.append(inner, point);
  return [bar, ` ${percent(value)} [${percent(interval[0])} – ${percent(interval[1])}]`];
}

/** @param {*} threshold @param {string} by @param {Array<*>} buckets */
function said(threshold, by, buckets) {
  const judged = buckets.reduce((sum, one) => sum + one.judged, 0);
  if (!judged) return "Nothing of this result is judged yet.";
  if (!threshold) return `No ${by} is known yet above which 9 of 10 are right: judge more, from the top.`;
  const [low, high] = threshold.interval;
  return `From ${by} ${threshold.value.toFixed(2)} on, ${percent(threshold.precision)} are right `
    + `[${percent(low)} – ${percent(high)}].`;
}
