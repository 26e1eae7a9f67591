/** Buttons and keys of the player. */

import { el } from "./dialogs.js";
import { bind } from "./keys.js";
import { clock } from "./lanes.js";
import { SPEEDS } from "./player.js";

const GROUP = "Video";

export class Controls {
  /** @param {import("./player.js").Player} player @param {import("./overlay.js").Overlay} overlay */
  constructor(player, overlay) {
    this.player = player;
    this.overlay = overlay;
    this.build();
    this.keys();
    player.addEventListener("state", () => this.show());
    player.addEventListener("time", () => this.time());
    this.show();
  }

  build() {
    const { player } = this;
    this.play = this.button("▶", "Play or pause", "Space", () => player.toggle());
    this.round = this.button("⟲", "Loop on or off", "\\", () => player.toggleLoop());
    this.speed = /** @type {HTMLSelectElement} */ (el(
      "select", { "aria-label": "Speed", title: "Speed (- and =)" },
      ...SPEEDS.map((speed) => el("option", { value: speed }, `${speed}×`)),
    ));
    this.speed.addEventListener("change", () => {
      player.speed = Number(this.speed?.value);
      if (player.rate) player.play(Math.sign(player.rate) * player.speed);
    });
    const boxes = el("input", { type: "checkbox", checked: true });
    boxes.addEventListener("change", () =>
      this.overlay.setVisible(/** @type {HTMLInputElement} */ (boxes).checked),
    );
    this.clock = el("output", { class: "player-time", "aria-live": "off" });
    this.looped = el("span", { class: "quiet loop-said" });
    this.element = el(
      "div", { class: "controls", role: "group", "aria-label": "Player" },
      this.button("◂", "One frame back", ",", () => void player.step(-1)),
      this.play,
      this.button("▸", "One frame on", ".", () => void player.step(1)),
      this.clock, this.speed, this.round,
      el("label", { class: "show-boxes" }, boxes, "boxes"), this.looped,
    );
  }

  /** @param {string} text @param {string} title @param {string} key @param {() => void} run */
  button(text, title, key, run) {
    return el("button", {
      type: "button", class: "icon", onclick: run, title: `${title} (${key})`,
      "aria-label": title, "aria-keyshortcuts": key,
    }, text);
  }

  keys() {
    const { player } = this;
    const key = (/** @type {string[]} */ keys, /** @type {string} */ text, /** @type {() => void} */ run) =>
      bind({ keys, text, group: GROUP, run });
    key(["Space"], "play or pause", () => player.toggle());
    key(["j"], "play backwards; again: faster", () => player.shuttle(-1));
    key(["k"], "stop", () => player.pause());
    key(["l"], "play forwards; again: faster", () => player.shuttle(1));
    key([","], "one frame back", () => void player.step(-1));
    key(["."], "one frame on", () => void player.step(1));
    key(["["], "the loop starts here", () => player.markLoop("start_us"));
    key(["]"], "the loop ends here", () => player.markLoop("end_us"));
    key(["\\"], "loop on or off", () => player.toggleLoop());
    key(["-"], "slower, to 0.1×", () => player.changeSpeed(-1));
    key(["="], "faster, to 8×", () => player.changeSpeed(1));
  }

  show() {
    const { player } = this;
    const rate = Math.abs(player.rate) || player.speed;
    if (this.play) {
      this.play.textContent = player.rate ? "❚❚" : "▶";
      this.play.setAttribute("aria-pressed", String(player.rate !== 0));
    }
    this.round?.setAttribute("aria-pressed", String(player.looping));
    if (this.looped) this.looped.textContent = this.loopText();
    if (this.speed && SPEEDS.includes(rate)) this.speed.value = String(rate);
    this.time();
  }

  loopText() {
    const { loop, looping, rate } = this.player;
    const span = loop && looping ? `${clock(loop.start_us, 2)}–${clock(loop.end_us, 2)}` : "";
    return [span, rate < 0 ? `◀ ${-rate}×` : ""].filter(Boolean).join(" ");
  }

  time() {
    const { video, t_us } = this.player;
    if (!this.clock) return;
    this.clock.textContent = video ? `${clock(t_us, 3)} / ${clock(video.duration_us, 1)}` : "";
  }
}
