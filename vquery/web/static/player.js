/**
 * A player that knows frames: exact seeking and steps, shuttle, speeds, and a loop.
 * Tells "time" (the time on show), "state" (playing, speed, loop), "opened", and "failed" (see
 * `failure`).
 *
 * @typedef {import("./frames.js").Frame} Frame
 * @typedef {{start_us: number, end_us: number}} Span
 * @typedef {{video: string, duration_us: number, width: number, height: number,
 *   playable: boolean}} Video
 */

import { FrameTable } from "./frames.js";
import { PictureScreen, VideoScreen } from "./screens.js";

export const SPEEDS = [0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 4, 8];
const FASTEST = 8;
const SHORTEST_LOOP_US = 40_000;

/** The next speed up or down. @param {number} speed @param {number} direction */
export function nextSpeed(speed, direction) {
  const further = direction > 0 ? SPEEDS.filter((one) => one > speed + 1e-9)[0]
    : SPEEDS.filter((one) => one < speed - 1e-9).at(-1);
  return further ?? speed;
}

/**
 * The rate after J or L: twice as fast in the same direction, else at the chosen speed.
 * @param {number} rate @param {number} direction @param {number} speed
 */
export function shuttled(rate, direction, speed) {
  if (rate * direction <= 0) return direction * speed;
  return direction * Math.min(Math.abs(rate) * 2, FASTEST);
}

/**
 * A loop with one end set; the other one moves where it must, so that the loop has a length.
 * @param {Span|null} loop @param {"start_us"|"end_us"} edge @param {number} us @param {number} duration_us
 * @returns {Span}
 */
export function looped(loop, edge, us, duration_us) {
  const next = { ...(loop ?? { start_us: 0, end_us: duration_us }), [edge]: us };
  if (next.end_us - next.start_us >= SHORTEST_LOOP_US) return next;
  return edge === "start_us" ? { start_us: us, end_us: duration_us } : { start_us: 0, end_us: us };
}

/**
 * The time that was meant when a key was pressed while playing.
 * @param {number} us @param {number} rate @param {number} reaction_s
 */
export const meant = (us, rate, reaction_s) =>
  Math.max(0, Math.round(us - rate * reaction_s * 1e6));

export class Player extends EventTarget {
  /**
   * @param {HTMLElement} stage where the picture goes, before what it holds already
   * @param {(video: string, start_us: number, end_us: number) => Promise<number[]>} readFrames
   */
  constructor(stage, readFrames) {
    super();
    this.stage = stage;
    this.readFrames = readFrames;
    /** @type {Video|null} */
    this.video = null;
    /** @type {VideoScreen|PictureScreen|null} */
    this.screen = null;
    /** @type {FrameTable|null} */
    this.frames = null;
    /** @type {Span|null} */
    this.loop = null;
    this.looping = false;
    this.speed = 1;
    this.rate = 0;
    this.t_us = 0;
    this.missing = false;
    /** Why no frame could be found; "" once one is on the screen. */
    this.failure = "";
    this.asked = 0;
    this.ticked = 0;
    /** What was asked for, one after the other. */
    this.turns = Promise.resolve();
    /** Opens what waits to be shown, so that a key meant for it is not lost when it comes. */
    this.arrive = () => {};
  }

  /** Show a video from a time on, standing still. @param {Video} video @param {number} t_us */
  async open(video, t_us) {
    if (this.video?.video !== video.video) {
      this.pause();
      this.video = video;
      this.loop = null;
      this.looping = false;
      this.failure = "";
      this.turns = Promise.resolve(); // what was asked of the other video need not be waited for
      this.frames = new FrameTable(
        (start, end) => this.readFrames(video.video, start, end),
        video.duration_us,
      );
      this.take(video.playable ? this.playing(video) : this.pictures(video));
    }
    this.t_us = t_us;
    if (!(await this.settled())) return;
    await this.inTurn((frames) => frames.at(this.t_us)); // where a key may have gone meanwhile
    this.tell("opened");
  }

  /** Wait until the screen knows its times; false if another video was opened meanwhile. */
  async settled() {
    const { screen, frames } = this;
    const first = frames ? await frames.after(-1).catch((error) => this.fail(error, frames)) : null;
    await screen?.settle(first);
    return screen === this.screen;
  }

  close() {
    this.pause();
    this.screen?.close();
    [this.video, this.screen, this.frames] = [null, null, null];
    this.tell("state");
  }

  /** @param {Video} video */
  playing(video) {
    const screen = new VideoScreen(video.video, () => {
      if (this.screen !== screen) return; // one that was closed fails too, later
      this.pause();
      this.take(this.pictures(video));
      void this.seek(this.t_us);
    });
    return screen;
  }

  /** @param {Video} video */
  pictures(video) {
    return new PictureScreen(video.video, (failed) => {
      if (failed === this.missing) return;
      this.missing = failed;
      this.tell("state");
    });
  }

  /** @param {VideoScreen|PictureScreen} screen */
  take(screen) {
    this.screen?.close();
    this.screen = screen;
    this.missing = false;
    this.stage.prepend(screen.element);
    this.tell("state");
  }

  /** Show the frame at a time; of several times asked for at once, only the last. @param {number} us */
  async seek(us) {
    if (!this.video || !this.frames) return;
    const asked = ++this.asked;
    const at = Math.min(Math.max(us, 0), Math.max(this.video.duration_us - 1, 0));
    const plain = { start_us: at, end_us: at + 40_000 };
    const unknown = (/** @type {FrameTable} */ frames) => (/** @type {unknown} */ error) => {
      this.fail(error, frames);
      return plain;
    };
    await this.inTurn((frames) => (asked === this.asked ? frames.at(at).catch(unknown(frames)) : null));
  }

  /** Stand still, so many frames on or back. @param {number} count */
  async step(count) {
    this.arrive();
    if (!this.frames) return;
    this.pause();
    await this.inTurn((frames) => frames.stepped(this.t_us, count));
  }

  /**
   * Find a frame and show it when everything asked for before is done, so that no step is lost.
   * @param {(frames: FrameTable) => Promise<Frame>|null} find
   */
  inTurn(find) {
    const frames = this.frames;
    this.turns = this.turns.then(async () => {
      if (!frames || frames !== this.frames) return;
      const frame = await find(frames);
      if (frame && frames === this.frames) this.put(frame);
    }).catch((error) => void this.fail(error, frames));
    return this.turns;
  }

  /**
   * Tell what failed, once until a frame is put on the screen.
   * @param {unknown} error @param {FrameTable|null} frames of the video it is about
   * @param {string} what did not work
   * @returns {null}
   */
  fail(error, frames, what = "The times of the frames cannot be read") {
    const said = `${what}: ${error instanceof Error ? error.message : error}`;
    if (frames !== this.frames || said === this.failure) return null;
    this.failure = said;
    this.tell("failed");
    return null;
  }

  /** @param {Frame} frame */
  put(frame) {
    this.t_us = frame.start_us;
    this.failure = "";
    this.screen?.show(frame);
    this.tell("time");
  }

  toggle() {
    this.arrive();
    if (this.rate) this.pause();
    else this.play(this.speed);
  }

  /** @param {number} direction */
  shuttle(direction) {
    this.arrive();
    this.play(shuttled(this.rate, direction, this.speed));
  }

  /** Play at a rate; below zero, backwards. @param {number} rate */
  play(rate) {
    if (!this.video || !this.screen) return;
    if (rate > 0 && this.t_us >= this.video.duration_us - 60_000) void this.seek(this.loopStart());
    if (this.looping && this.loop && rate > 0 && !this.within(this.loop)) {
      void this.seek(this.loop.start_us);
    }
    const stood = !this.rate;
    this.rate = rate;
    if (this.screen.native && rate > 0) void this.start(rate);
    else this.screen.pause();
    this.tell("state");
    if (stood) {
      this.ticked = performance.now();
      requestAnimationFrame((now) => this.tick(now));
    }
  }

  loopStart() {
    return this.looping && this.loop ? this.loop.start_us : 0;
  }

  /** @param {Span} span */
  within(span) {
    return this.t_us >= span.start_us && this.t_us < span.end_us;
  }

  pause() {
    if (!this.rate) return;
    this.rate = 0;
    this.screen?.pause();
    if (this.screen?.native) void this.seek(this.screen.now());
    this.tell("state");
  }

  /** @param {number} now */
  tick(now) {
    if (!this.rate || !this.screen || !this.video) return;
    const passed_us = Math.min(now - this.ticked, 250) * 1000;
    this.ticked = now;
    const native = this.screen.native && this.rate > 0;
    if (native && !this.screen.busy) this.t_us = Math.round(this.screen.now());
    if (!native) this.t_us = Math.round(this.t_us + passed_us * this.rate);
    this.turn();
    if (!native && this.rate && !this.screen.busy) void this.still(this.t_us);
    this.tell("time");
    requestAnimationFrame((next) => this.tick(next));
  }

  /** Show the frame at a time while the time runs on. @param {number} us */
  async still(us) {
    const { frames } = this;
    try {
      const frame = await frames?.at(us);
      if (frame && this.rate) this.screen?.show(frame);
    } catch (error) {
      this.fail(error, frames ?? null);
      if (frames === this.frames) this.pause(); // asking again with every tick would not help
    }
  }

  /** Go round at the end of the loop; stop at the ends of the video. */
  turn() {
    const end = /** @type {Video} */ (this.video).duration_us;
    const span = this.looping && this.loop ? this.loop : { start_us: 0, end_us: end };
    const over = this.rate > 0 ? this.t_us >= span.end_us : this.t_us <= span.start_us;
    const ended = this.screen instanceof VideoScreen && this.screen.element.ended;
    if (!over && !ended) return;
    if (this.looping && this.loop) {
      const back = this.rate > 0 ? span.start_us : span.end_us - 1;
      void this.seek(back);
      if (ended) void this.start(this.rate);
    } else {
      this.t_us = Math.min(Math.max(this.t_us, 0), end);
      this.pause();
    }
  }

  /** @param {number} direction */
  changeSpeed(direction) {
    this.speed = nextSpeed(this.speed, direction);
    if (this.rate) this.play(Math.sign(this.rate) * this.speed);
    else this.tell("state");
  }

  /** Set an end of the loop here. @param {"start_us"|"end_us"} edge */
  markLoop(edge) {
    this.arrive();
    if (!this.video) return;
    this.loop = looped(this.loop, edge, this.t_us, this.video.duration_us);
    this.looping = true;
    this.tell("state");
  }

  /** The span that a loop would go round; one too short to be seen is none. @param {Span} span */
  setLoop(span) {
    const long = span.end_us - span.start_us >= SHORTEST_LOOP_US * 2;
    this.loop = long ? { start_us: span.start_us, end_us: span.end_us } : null;
    this.looping = this.looping && long;
    this.tell("state");
  }

  /** Let the browser play; where it refuses, stand still and say so. @param {number} rate */
  async start(rate) {
    const { screen, frames } = this;
    try {
      await screen?.play(rate);
    } catch (error) {
      if (screen !== this.screen) return;
      this.pause();
      this.fail(error, frames, "The browser does not play this video");
    }
  }

  toggleLoop() {
    this.looping = !this.looping && this.loop !== null;
    this.tell("state");
  }

  /** @param {string} what */
  tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
