/** Export: a training set in a known format, with what was left out, to be downloaded. */

import { get, post, runJob } from "./api.js";
import { el, openDialog } from "./dialogs.js";
import { conceptField, field, input, select, sentence, table, Working } from "./fields.js";
import { count, counted } from "./formats.js";
import { note, remember, remembered } from "./store.js";

/** @type {Array<[string, string]>} */
const FORMATS = [
  ["coco", "COCO"], ["yolo", "YOLO"], ["parquet", "Parquet, with crops"], ["fiftyone", "FiftyOne"],
  ["activitynet", "ActivityNet, spans of time"], ["csv", "CSV, spans of time"],
  ["vtt", "WebVTT, spans of time"],
];
const SPLITS = /** @type {const} */ (["train", "val", "test"]);
const SHARES = [0.8, 0.1, 0.1];

export function openExport() {
  const form = new Form();
  const dialog = openDialog({
    title: "Export",
    wide: true,
    body: form.element,
    actions: [{ label: "Export", kind: "main", run: () => form.run() }, { label: "Close" }],
  });
  void dialog.closed.then(() => form.working.cancel());
  void form.list();
}

class Form {
  constructor() {
    this.concept = conceptField();
    this.format = select(FORMATS, remembered("export:format", "coco"));
    const shares = /** @type {number[]} */ (remembered("export:split", SHARES));
    this.shares = SPLITS.map((name, at) =>
      input({ type: "number", min: 0, max: 1, step: 0.05, value: shares[at], "aria-label": `Share of ${name}` }));
    this.threshold = input({ type: "number", min: 0, max: 1, step: 0.01, placeholder: "automatic" });
    this.images = input({ type: "checkbox", checked: true });
    this.working = new Working();
    this.report = el("div", { "aria-live": "polite" });
    this.earlier = el("div", {});
    this.element = el(
      "div", {},
      el("div", { class: "fields" },
        field("Format", this.format), field("Concept", this.concept),
        el("fieldset", { class: "field shares" }, el("legend", {}, "Train, val, test"), ...this.shares,
          el("small", { class: "quiet" }, "shares of the videos: each goes to one split whole")),
        field("Least probability", this.threshold, "empty: that of the propagation"),
        el("label", { class: "field check" }, this.images, el("span", {}, "with pictures"))),
      this.working.element, this.report, this.earlier,
    );
  }

  /** The dialog stays, to show what was written. */
  async run() {
    const split = this.shares.map((one) => Number(one.value));
    const sum = split.reduce((total, one) => total + one, 0);
    if (Math.abs(sum - 1) > 1e-6) {
      throw new Error(`The shares of train, val and test add up to ${sum.toFixed(2)}: they must make 1.`);
    }
    remember("export:format", this.format.value);
    remember("export:split", split);
    this.report.replaceChildren();
    const body = {
      format: this.format.value, concept: this.concept.value, split, images: this.images.checked,
      ...(this.threshold.value === "" ? {} : { threshold: Number(this.threshold.value) }),
    };
    const written = await this.working.run((options) =>
      runJob("Exporting", post("/api/exports", body), options));
    if (written) this.show(written);
    return false;
  }

  /** @param {*} written */
  show(written) {
    const report = written.report ?? {};
    const rows = Object.entries(report.by_split ?? {}).map(([name, many]) => [name, count(many)]);
    const skipped = Object.entries(report.skipped ?? {}).map(([why, many]) => [why, count(many)]);
    const warnings = (report.warnings ?? []).map((/** @type {string} */ text) => el("li", {}, text));
    this.report.replaceChildren(
      el("p", { class: "done" }, el("b", {}, `Written: ${written.name}`), " ", download(written.name)),
      el("div", { class: "columns" },
        rows.length ? table(["Split", "Labels"], rows, "Labels written") : "",
        skipped.length ? table(["Reason", "Labels"], skipped, "Left out") : ""),
      warnings.length ? el("ul", { class: "warnings" }, ...warnings) : "",
    );
    note(`Exported ${written.name}.`, "done");
    void this.list();
  }

  async list() {
    let exports;
    try {
      ({ exports } = await get("/api/exports"));
    } catch (error) {
      const why = `Earlier exports cannot be listed: ${sentence(error)}`;
      return this.earlier.replaceChildren(el("p", { class: "problem" }, why));
    }
    if (!exports.length) return this.earlier.replaceChildren();
    const rows = exports.map((/** @type {*} */ one) => [
      one.name, one.files === undefined ? "" : counted(filesOf(one.files), "file"), sizeOf(one.bytes), download(one.name),
    ]);
    this.earlier.replaceChildren(table(["Name", "Files", "Size", ""], rows, "Exports so far"));
  }
}

/** @param {number|string[]} files */
const filesOf = (files) => (Array.isArray(files) ? files.length : files);

/** @param {number|undefined} bytes */
const sizeOf = (bytes) =>
  bytes === undefined ? "" : bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** @param {string} name */
function download(name) {
  const href = `/api/exports/${encodeURIComponent(name)}.zip`;
  return el("a", { href, download: `${name}.zip` }, "Download");
}
