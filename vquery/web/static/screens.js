/**
 * What shows the picture of a video at a time: the browser's own player, or single pictures
 * where the browser cannot play the file. Both only show whole frames of the frame table.
 *
 * @typedef {import("./frames.js").Frame} Frame
 */

import { frameUrl, videoUrl } from "./api.js";

const PICTURE_HEIGHT = 480;
const FIRST_FRAME_MS = 1500;
const ROUNDING_US = 1500;

/**
 * Plays with `<video>`; seeks to the middle of a frame, so that rounding cannot miss it. Browsers
 * count from the start of the file, the frame table from where its pictures start: where sound
 * begins earlier these differ, by what the first frame on the screen tells.
 */
export class VideoScreen {
  /** @param {string} video @param {() => void} failed */
  constructor(video, failed) {
    this.native = true;
    this.element = document.createElement("video");
    this.element.className = "screen";
    this.element.preload = "metadata";
    this.element.playsInline = true;
    this.element.tabIndex = -1;
    this.element.disablePictureInPicture = true;
    this.element.addEventListener("error", failed, { once: true });
    this.element.src = videoUrl(video);
    /** Time of the frame last put on the screen, of the container; null if the browser won't say. */
    this.shown_us = /** @type {number|null} */ (null);
    /** @type {Frame|null} */
    this.wanted = null;
    /** Time of the browser less that of the frame table. */
    this.shift_us = 0;
    /** @type {Promise<number|null>} */
    this.first = this.watch();
    this.element.addEventListener("seeked", () => this.next());
  }

  /** Note which frame is on the screen; resolves with the time of the first one. @returns {Promise<number|null>} */
  watch() {
    return new Promise((resolve) => {
      setTimeout(() => resolve(null), FIRST_FRAME_MS);
      this.element.addEventListener("error", () => resolve(null), { once: true });
      if (!("requestVideoFrameCallback" in this.element)) return resolve(null);
      const note = (/** @type {number} */ _, /** @type {{mediaTime: number}} */ facts) => {
        this.shown_us = Math.round(facts.mediaTime * 1e6);
        resolve(this.shown_us);
        this.element.requestVideoFrameCallback(note);
      };
      return this.element.requestVideoFrameCallback(note);
    });
  }

  /** Learn how the browser counts, before anything is sought. @param {number|null} start_us of the first frame */
  async settle(start_us) {
    const first = await this.first;
    if (first === null || start_us === null) return;
    const shift = first - start_us;
    this.shift_us = Math.abs(shift) > ROUNDING_US ? shift : 0;
  }

  get busy() {
    return this.element.seeking;
  }

  /** Show a frame; of several asked for during a seek, only the last one. @param {Frame} frame */
  show(frame) {
    this.wanted = frame;
    if (!this.element.seeking) this.next();
  }

  next() {
    const frame = this.wanted;
    if (!frame) return;
    this.wanted = null;
    const inside = Math.min((frame.end_us - frame.start_us) / 2, 20_000);
    this.element.currentTime = (frame.start_us + inside + this.shift_us) / 1e6;
  }

  now() {
    const here = this.element.currentTime * 1e6;
    const shown = this.element.paused || this.shown_us === null ? here : Math.max(this.shown_us, here - 500_000);
    return Math.max(0, shown - this.shift_us);
  }

  /** @param {number} rate */
  async play(rate) {
    this.element.playbackRate = rate;
    if (!this.element.paused) return;
    try {
      await this.element.play().catch((error) => {
        if (error.name !== "NotAllowedError") throw error;
        this.element.muted = true; // a page may always play what makes no sound
        return this.element.play();
      });
    } catch (error) {
      // paused or given another video before it began; what cannot be decoded is told by "error"
      if (!["AbortError", "NotSupportedError"].includes(/** @type {Error} */ (error).name)) throw error;
    }
  }

  pause() {
    this.element.pause();
  }

  close() {
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
    this.element.remove();
  }
}

/** Shows pictures of single frames, which the server decodes. */
export class PictureScreen {
  /** @param {string} video @param {(failed: boolean) => void} told whether the last picture failed */
  constructor(video, told) {
    this.native = false;
    this.video = video;
    this.element = document.createElement("img");
    this.element.className = "screen";
    this.element.alt = "";
    this.busy = false;
    this.shown_us = /** @type {number|null} */ (null);
    /** @type {Frame|null} */
    this.wanted = null;
    this.element.addEventListener("load", () => this.done(told, false));
    this.element.addEventListener("error", () => this.done(told, true));
  }

  /** @param {Frame} frame */
  show(frame) {
    if (frame.start_us === this.shown_us && !this.busy) return;
    this.wanted = frame;
    if (!this.busy) this.next();
  }

  next() {
    const frame = this.wanted;
    if (!frame) return;
    this.wanted = null;
    this.busy = true;
    this.shown_us = frame.start_us;
    this.element.src = frameUrl(this.video, frame.start_us, PICTURE_HEIGHT);
  }

  /** @param {(failed: boolean) => void} told @param {boolean} failed */
  done(told, failed) {
    this.busy = false;
    told(failed);
    this.next();
  }

  async settle() {}

  now() {
    return this.shown_us ?? 0;
  }

  async play() {}

  pause() {}

  close() {
    this.wanted = null;
    this.element.remove();
  }
}
