/** One cell of the grid: its picture, its label, and marks that need no colour. */

import { cropUrl, dropPicture, showPicture, stripUrl } from "./api.js";
import { el } from "./dialogs.js";
import { share, shortVideo, time } from "./formats.js";
import { hue, NONE_TEXT } from "./palette.js";

/** @typedef {import("./store.js").Row} Row */
/** @typedef {{mode: "crop"|"strip", sort: string, total: number}} Show */

const SHARP = 1.5;

/**
 * What the result or its order proposes for a row, as a preview or a suggestion does; undefined: nothing.
 * @param {Row} row
 * @returns {?string|undefined}
 */
export function proposalOf({ more, alike, label_source: source, rejected }) {
  if (source === "human" || !more) return undefined;
  const preview = "change" in more && "proposed" in more;
  const own = preview ? more.proposed : "suggestion" in more ? (more.best ?? undefined) : undefined;
  const proposed = alike ?? own;
  return proposed && rejected?.split(", ").includes(proposed) ? undefined : proposed;
}

/** @param {Row} row */
export function stateOf(row) {
  if (row.conflict) return "conflict";
  if (row.label_source === "human") return "confirmed";
  if (row.label_source || proposalOf(row) !== undefined) return "proposed";
  if (row.rejected) return "rejected";
  return row.unsure ? "unsure" : "open";
}

const WORDS = {
  conflict: "in conflict",
  confirmed: "confirmed",
  proposed: "proposed",
  rejected: "rejected",
  unsure: "unsure",
  open: "no label",
};

/** @param {Row} row */
export function labelText(row) {
  const proposed = proposalOf(row);
  if (proposed !== undefined && proposed !== row.label) {
    const before = row.label ?? (row.label_source ? NONE_TEXT : "");
    return before ? `${before} → ${proposed ?? "no label"}` : (proposed ?? "no label");
  }
  if (row.label !== null && row.label !== undefined) return row.label;
  if (row.label_source) return NONE_TEXT;
  return row.rejected ? `not ${row.rejected}` : "";
}

/**
 * The number that the order is about, else the one at hand.
 * @param {Row} row
 * @param {string} sort
 */
function figure(row, sort) {
  if (sort === "margin") return share(row.margin);
  if (sort === "score") return share(row.score);
  if (sort === "time") return time(row.start_us);
  if (row.likeness !== undefined) return row.likeness === null ? "" : row.likeness.toFixed(2);
  if (proposalOf(row) !== undefined) return share(row.more.best_probability ?? row.more.probability);
  if (row.label_source && row.label_source !== "human") return share(row.probability);
  return share(row.score) || time(row.start_us, 0);
}

/** What stands where a label is missing: the words of a caption, else the video. @param {Row} row */
const nameless = (row) => (typeof row.more?.text === "string" && row.more.text) || shortVideo(row.video);

/** @param {Row} row */
function spoken(row) {
  const parts = [labelText(row), WORDS[stateOf(row)]];
  if (row.unsure && stateOf(row) !== "unsure") parts.push("unsure");
  if (row.probability && row.label_source !== "human") parts.push(`probability ${share(row.probability)}`);
  parts.push(`${nameless(row)}${row.more?.text ? `, ${shortVideo(row.video)}` : ""} at ${time(row.start_us)}`);
  return parts.filter(Boolean).join(", ");
}

/**
 * @param {Row} row
 * @param {Show} show
 * @param {number} height of the picture in pixels of the page
 */
function source(row, show, height) {
  if (show.mode === "crop" && row.detection_id !== undefined && row.detection_id !== null) {
    return cropUrl(row.detection_id);
  }
  const sharp = Math.min(240, Math.round((height * Math.min(devicePixelRatio, SHARP)) / 20) * 20);
  return stripUrl(row.video, row.start_us, row.end_us, { frames: 3, height: sharp });
}

/** @returns {HTMLElement} an empty cell, to be filled when its row is here */
export function emptyCell() {
  const image = el("img", { alt: "", decoding: "async", draggable: "false" });
  image.addEventListener("error", () => image.parentElement?.classList.add("missing"));
  return el(
    "div",
    { class: "cell", role: "option", "aria-selected": "false" },
    el("div", { class: "picture" }, image),
    el("span", { class: "tick", "aria-hidden": "true" }),
    el("span", { class: "mark", "aria-hidden": "true" }),
    el("div", { class: "caption" }, el("span", { class: "label" }), el("span", { class: "figure" })),
  );
}

/**
 * @param {HTMLElement} cell
 * @param {Row} row
 * @param {Show} show
 */
export function fillCell(cell, row, show) {
  const image = /** @type {HTMLImageElement} */ (cell.querySelector("img"));
  const address = source(row, show, image.parentElement?.clientHeight || 90);
  if (image.dataset.address !== address) {
    image.parentElement?.classList.remove("missing");
    showPicture(image, address);
  }
  const kind = stateOf(row);
  cell.className = `cell is-${kind} hue-${hue(proposalOf(row) ?? row.label ?? null)}`;
  const text = labelText(row);
  const label = /** @type {HTMLElement} */ (cell.querySelector(".label"));
  label.textContent = text || nameless(row);
  label.classList.toggle("quiet", !text);
  /** @type {HTMLElement} */ (cell.querySelector(".figure")).textContent = figure(row, show.sort);
  /** @type {HTMLElement} */ (cell.querySelector(".mark")).textContent = markOf(row, kind);
  cell.setAttribute("aria-label", spoken(row));
  const where = `${row.video}  ${time(row.start_us, 3)} – ${time(row.end_us, 3)}`;
  cell.title = text ? `${where}\n${text}, ${WORDS[kind]}` : where;
}

/** @param {Row} row @param {string} kind */
function markOf(row, kind) {
  if (kind === "conflict") return "≠";
  if (row.unsure) return "?";
  return { confirmed: "✓", rejected: "✗" }[kind] ?? "";
}

/** @param {HTMLElement} cell stop its picture from loading */
export function dropCell(cell) {
  const image = cell.querySelector("img");
  if (image) dropPicture(image);
  cell.remove();
}
