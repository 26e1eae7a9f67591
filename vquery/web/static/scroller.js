/**
 * Scrolling over more pixels than a browser can hold. Up to `MOST` the scroll bar is exact;
 * beyond, small moves are exact and a far one (a drag of the bar) leads to the same share.
 */

const MOST = 8_000_000;

export class Scroller {
  /**
   * @param {HTMLElement} frame scrolls
   * @param {HTMLElement} spacer below what is always in view, gives the height of the rest
   * @param {function(): void} moved
   */
  constructor(frame, spacer, moved) {
    this.frame = frame;
    this.spacer = spacer;
    this.moved = moved;
    this.bottom = 0;
    this.top = 0;
    this.last = 0;
    frame.addEventListener("scroll", () => this.follow(), { passive: true });
  }

  get view() {
    return this.frame.clientHeight;
  }

  /** @param {number} bottom height of everything */
  resize(bottom) {
    this.bottom = bottom;
    this.spacer.style.height = `${Math.max(0, Math.min(bottom, MOST) - this.view)}px`;
    this.go(this.top);
  }

  follow() {
    const at = this.frame.scrollTop;
    if (this.bottom <= MOST) this.top = at;
    else if (Math.abs(at - this.last) < 3 * this.view) this.top = this.clamp(this.top + at - this.last);
    else this.top = this.clamp((at / (MOST - this.view)) * (this.bottom - this.view));
    this.last = at;
    const atEnd = this.bottom > MOST && (at <= 0 || at >= MOST - this.view - 1);
    const isEnd = this.top <= 0 || this.top >= this.bottom - this.view;
    if (atEnd !== isEnd && this.bottom > MOST) this.go(this.top);
    this.moved();
  }

  /** @param {number} top */
  clamp(top) {
    return Math.max(0, Math.min(top, this.bottom - this.view));
  }

  /** Show a height at the top of the frame. @param {number} top */
  go(top) {
    this.top = this.clamp(top);
    const share = this.bottom > this.view ? this.top / (this.bottom - this.view) : 0;
    this.frame.scrollTop = this.bottom <= MOST ? this.top : share * (MOST - this.view);
    this.last = this.frame.scrollTop;
  }

  /**
   * Scroll as little as shows these heights.
   * @param {number} top
   * @param {number} bottom
   */
  show(top, bottom) {
    if (top < this.top) this.go(top);
    else if (bottom > this.top + this.view) this.go(bottom - this.view);
    else return;
    this.moved();
  }
}
