/**
 * Frames of videos by their exact times, read piece by piece from the frame table.
 *
 * @typedef {{start_us: number, end_us: number}} Frame
 */

export const PIECE_US = 60_000_000;
const GUESSED_US = 40_000;
const PIECES_KEPT = 60;

/**
 * Where in sorted times the last one at or before a time is; -1 if all are later.
 * @param {ArrayLike<number>} times @param {number} us
 */
export function lastAtOrBefore(times, us) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= us) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class FrameTable {
  /**
   * @param {(start_us: number, end_us: number) => Promise<number[]>} read starts of frames in a span
   * @param {number} duration_us
   */
  constructor(read, duration_us) {
    this.read = read;
    this.duration_us = duration_us;
    /** @type {Map<number, Promise<number[]>>} */
    this.pieces = new Map();
  }

  /** @param {number} piece @returns {Promise<number[]>} */
  async piece(piece) {
    const start = piece * PIECE_US;
    if (piece < 0 || start > this.duration_us) return [];
    const kept = this.pieces.get(piece);
    if (kept) return kept;
    if (this.pieces.size >= PIECES_KEPT) {
      this.pieces.delete(this.pieces.keys().next().value ?? 0);
    }
    const asked = this.read(start, start + PIECE_US).then((times) =>
      times.filter((us) => us >= start && us < start + PIECE_US),
    );
    asked.catch(() => this.pieces.delete(piece));
    this.pieces.set(piece, asked);
    return asked;
  }

  /**
   * The first frame after a time; null behind the last one.
   * @param {number} us @returns {Promise<number|null>}
   */
  async after(us) {
    for (let at = Math.max(0, Math.floor(us / PIECE_US)); at * PIECE_US <= this.duration_us; at++) {
      const times = await this.piece(at);
      const next = lastAtOrBefore(times, us) + 1;
      if (next < times.length) return times[next];
    }
    return null;
  }

  /**
   * The last frame at or before a time; null before the first one.
   * @param {number} us @returns {Promise<number|null>}
   */
  async before(us) {
    for (let at = Math.floor(us / PIECE_US); at >= 0; at--) {
      const times = await this.piece(at);
      const last = lastAtOrBefore(times, us);
      if (last >= 0) return times[last];
    }
    return null;
  }

  /**
   * The frame on show at a time. A video without a frame table has frames of 40 ms.
   * @param {number} us @returns {Promise<Frame>}
   */
  async at(us) {
    const start = (await this.before(us)) ?? (await this.after(us));
    if (start === null) {
      const guess = Math.max(0, Math.floor(us / GUESSED_US) * GUESSED_US);
      return { start_us: guess, end_us: guess + GUESSED_US };
    }
    const end = (await this.after(start)) ?? Math.max(this.duration_us, start + 1);
    return { start_us: start, end_us: end };
  }

  /**
   * The frame so many frames away from the one on show at a time, at most to either end.
   * @param {number} us @param {number} count @returns {Promise<Frame>}
   */
  async stepped(us, count) {
    let frame = await this.at(us);
    for (let left = Math.abs(count); left > 0; left--) {
      const next = count > 0 ? frame.end_us : frame.start_us - 1;
      if (next < 0 || next >= this.duration_us) break;
      frame = await this.at(next);
    }
    return frame;
  }
}
