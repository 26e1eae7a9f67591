/** The why panel: who or what gave an item its label, with pictures of the neighbours. */

import { cropUrl, get, isAbort } from "./api.js";
import { el } from "./dialogs.js";
import { clock } from "./lanes.js";

/**
 * @typedef {{kind: "vote"|"neighbour"|"assertion"|"person"|"seed"|"balance", name: string|null,
 *   weight: number|null, label: string|null, text: string|null, detection_id?: number|null,
 *   at_us?: number|null, who?: string|null}} Contribution
 * @typedef {{item: *, label: string|null, source: string|null, probability: number|null,
 *   sentence: string, contributions: Contribution[]}} Why
 */

const KINDS = {
  person: "People",
  vote: "Votes of rules",
  seed: "Labelled items that it is tied to",
  neighbour: "Neighbours",
  assertion: "Assertions",
  balance: "Shares of the labels",
};

/** @param {number|null|undefined} weight */
const weighed = (weight) =>
  weight === null || weight === undefined ? "" : `${weight < 0 ? "−" : ""}${Math.abs(weight).toFixed(2)}`;

/** When it happened, as the clock on the wall. @param {number} at_us */
export const moment = (at_us) =>
  new Date(at_us / 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export class WhyPanel {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    /** @type {AbortController|null} */
    this.asked = null;
  }

  /**
   * Explain the label of an item; null empties the panel.
   * @param {{concept: string, detection_id?: number, result?: string, row?: number}|null} item
   */
  async show(item) {
    this.asked?.abort();
    if (!item) {
      this.stay();
      return this.element.replaceChildren();
    }
    const asked = (this.asked = new AbortController());
    this.element.setAttribute("aria-busy", "true");
    try {
      const why = await get("/api/why", item, { signal: asked.signal });
      this.element.replaceChildren(...this.parts(why));
    } catch (error) {
      if (isAbort(error) || asked.signal.aborted) return;
      const text = error instanceof Error ? error.message : String(error);
      this.element.replaceChildren(heading(), el("p", { class: "quiet" }, text));
    }
    this.element.removeAttribute("aria-busy");
    this.stay();
  }

  /** Another item is about to be explained: what stands here is no longer seen, its place is kept. */
  leave() {
    this.element.classList.add("stale");
  }

  /** What stands here is of the item in focus. */
  stay() {
    this.element.classList.remove("stale");
  }

  /** @param {Why} why */
  parts(why) {
    const parts = [heading(), el("p", { class: "why-sentence" }, why.sentence)];
    for (const kind of Object.keys(KINDS)) {
      const mine = why.contributions.filter((one) => one.kind === kind);
      if (!mine.length) continue;
      parts.push(el("h4", {}, KINDS[kind]));
      const most = Math.max(...mine.map((one) => Math.abs(one.weight ?? 0)), 1e-9);
      const items = mine.map((one) => (one.detection_id ? pictured(one) : worded(one, most)));
      const list = mine.some((one) => one.detection_id) ? "why-pictures" : "why-list";
      parts.push(el("ul", { class: list }, ...items));
    }
    return parts;
  }
}

const heading = () => el("h3", {}, "Why");

/** @param {Contribution} one */
function pictured(one) {
  const words = [one.label ?? "no label", weighed(one.weight)].filter(Boolean).join(" ");
  const tip = [one.text ?? `detection ${one.detection_id}`, ...byline(one)].join(", ");
  const picture = el("img", {
    src: cropUrl(/** @type {number} */ (one.detection_id)), alt: tip, loading: "lazy",
    width: 56, height: 56,
  });
  picture.addEventListener("error", () => picture.classList.add("missing"), { once: true });
  return el("li", { title: tip }, picture, el("span", {}, words));
}

/** @param {Contribution} one @param {number} most */
function worded(one, most) {
  const weight = el("meter", {
    min: 0, max: most, value: Math.abs(one.weight ?? 0), "aria-hidden": "true",
  });
  const said = [one.name, one.label === null ? "" : `says ${one.label}`].filter(Boolean).join(" ");
  const more = [one.text, ...byline(one)].filter(Boolean).join(", ");
  return el(
    "li", {},
    one.weight === null || one.weight === undefined ? null : weight,
    el("span", {}, el("b", {}, said || one.kind), " ", weighed(one.weight)),
    more ? el("small", { class: "quiet" }, more) : null,
  );
}

/** @param {Contribution} one */
function byline(one) {
  const when = one.at_us === null || one.at_us === undefined ? [] : [`at ${whenOf(one.at_us)}`];
  return [...(one.who ? [`by ${one.who}`] : []), ...when];
}

/** A time of the clock on the wall, or of a video where it is shorter. @param {number} at_us */
const whenOf = (at_us) => (at_us > 1e14 ? moment(at_us) : clock(at_us, 2));
