/**
 * Labels for stretches of time: one key at the onset and one at the offset, while playing or not.
 * While playing, what was meant lies a reaction time before the key press.
 */

import { post } from "./api.js";
import { el } from "./dialogs.js";
import { sentence } from "./fields.js";
import { clock } from "./lanes.js";
import { meant } from "./player.js";
import { dispatch, note, remember, remembered, state, subscribe } from "./store.js";

const REACTION_S = 0.2;
const LONGEST_REACTION_S = 2;

/** Labels that people gave for a concept, most frequent first. @param {string} concept @returns {string[]} */
export function valuesOf(concept) {
  const mine = state.collection?.labels?.find(
    (/** @type {{concept: string}} */ one) => one.concept === concept,
  );
  return (mine?.values ?? [])
    .filter((/** @type {{value: string|null}} */ one) => one.value !== null)
    .sort((/** @type {{count: number}} */ a, /** @type {{count: number}} */ b) => b.count - a.count)
    .map((/** @type {{value: string}} */ one) => one.value);
}

export class Marking {
  /** @param {import("./player.js").Player} player */
  constructor(player) {
    this.player = player;
    /** @type {{video: string, start_us: number, end_us: number|null}|null} */
    this.pending = null;
    /** @type {Element|null} */
    this.before = null;
    this.reaction_s = Number(remembered("reaction_s", REACTION_S));
    this.element = this.build();
    subscribe("collection", () => this.offer());
    subscribe("concept", () => this.offer(true));
    subscribe("labels", () => this.offer());
    this.offer();
    this.tell();
  }

  build() {
    this.values = el("datalist", { id: "span-values" });
    this.value = /** @type {HTMLInputElement} */ (el("input", {
      type: "text", list: "span-values", maxlength: 200, class: "span-value",
      "aria-label": "Label for a span of time", placeholder: "label", autocomplete: "off",
    }));
    this.value.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.pending?.end_us) void this.save();
      if (event.key === "Escape") this.leave();
    });
    const reaction = /** @type {HTMLInputElement} */ (el("input", {
      type: "number", min: 0, max: LONGEST_REACTION_S, step: 0.05, value: this.reaction_s,
      class: "reaction", title: "Marks set while playing are moved back by this many seconds",
    }));
    reaction.addEventListener("change", () => this.setReaction(reaction));
    this.said = el("output", { class: "span-said" });
    return el(
      "div", { class: "marking", role: "group", "aria-label": "Label a span of time" },
      this.button("Start", "i", () => this.onset()), this.button("End", "o", () => this.offset()),
      this.value, this.values,
      el("label", { class: "reaction-label" }, "reaction", reaction, "s"), this.said,
    );
  }

  /** @param {string} text @param {string} key @param {() => void} run */
  button(text, key, run) {
    return el(
      "button", { type: "button", onclick: run, "aria-keyshortcuts": key, title: `${text} of a span (${key})` },
      text, " ", el("kbd", {}, key),
    );
  }

  /** @param {HTMLInputElement} input */
  setReaction(input) {
    const given = Number(input.value);
    const fits = Number.isFinite(given) && given >= 0 && given <= LONGEST_REACTION_S;
    this.reaction_s = fits ? given : REACTION_S;
    input.value = String(this.reaction_s);
    remember("reaction_s", this.reaction_s);
  }

  /** @param {boolean} [fresh] of another concept, so the label typed before does not count */
  offer(fresh = false) {
    const values = valuesOf(state.concept);
    this.values?.replaceChildren(...values.map((value) => el("option", { value })));
    if (!this.value) return;
    if (fresh) this.value.value = "";
    this.value.setAttribute("aria-label", `Label (${state.concept}) for a span of time`);
    this.value.placeholder = state.concept;
  }

  /** The frame that was on show when the key was meant; undefined where its times cannot be read. */
  async frame() {
    const { player } = this;
    const us = meant(player.t_us, player.rate, this.reaction_s);
    try {
      return player.frames ? await player.frames.at(us) : null;
    } catch (error) {
      note(`Nothing is marked, as the times of the frames cannot be read: ${sentence(error)}`, "error");
      return undefined;
    }
  }

  async onset() {
    const video = this.player.video?.video;
    const frame = await this.frame();
    if (frame === undefined) return;
    if (!video || !frame) return note("Open an item first: then i and o mark a span.", "error");
    this.pending = { video, start_us: frame.start_us, end_us: null };
    this.tell();
  }

  async offset() {
    const video = this.player.video?.video;
    const frame = await this.frame();
    if (frame === undefined) return;
    if (!frame || !this.pending || this.pending.video !== video) {
      return note("Press i where the span starts, then o where it ends.", "error");
    }
    if (frame.end_us <= this.pending.start_us) {
      return note("The span would end before it starts: press o later, or i again.", "error");
    }
    this.pending = { ...this.pending, end_us: frame.end_us };
    this.tell();
    if (this.value?.value.trim()) return this.save();
    note("Type a label for the span, then Enter.");
    this.before = document.activeElement;
    this.value?.focus();
  }

  /** Give the focus back to where it was before the label was typed. */
  leave() {
    if (document.activeElement !== this.value) return;
    if (this.before instanceof HTMLElement && this.before !== document.body) this.before.focus();
    else document.getElementById("cells")?.focus();
  }

  clear() {
    this.pending = null;
    this.tell();
  }

  async save() {
    const value = this.value?.value.trim();
    if (!this.pending?.end_us || !value) return;
    const span = this.pending;
    try {
      const answer = await post("/api/spans", { ...span, concept: state.concept, value });
      this.clear();
      this.leave();
      note(answer.sentence ?? `Labelled a span ${value}.`, "done", true);
      dispatch("labels", {});
    } catch (error) {
      note(sentence(error), "error");
    }
  }

  /** Show the span in the making here, and to the timeline. */
  tell() {
    const { pending } = this;
    const text = !pending ? "" : pending.end_us === null
      ? `from ${clock(pending.start_us, 2)} …`
      : `${clock(pending.start_us, 2)} – ${clock(pending.end_us, 2)}`;
    if (this.said) this.said.textContent = text;
    dispatch("marking", { marking: pending });
  }
}
