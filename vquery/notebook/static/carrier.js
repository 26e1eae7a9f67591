/** Carries what the page asks to the kernel, as messages of the widget, and the answers back. */

const SLOW_MS = 10_000;
const PICTURES = 600;

/**
 * @typedef {Object} Model what a notebook gives a view of a widget
 * @property {function(string): *} get
 * @property {function(string, *): void} set
 * @property {function(): void} save_changes
 * @property {function(*, *=, *=): void} send
 * @property {function(string, function(...*): void): void} on
 * @property {function(string, function(...*): void): void} off
 */

export class Carrier {
  /**
   * @param {Model} model
   * @param {function(): void} slow told when an answer takes long
   */
  constructor(model, slow) {
    this.model = model;
    this.slow = slow;
    /** Several views share one model, which tells every answer to all of them. */
    this.name = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16)).join("-");
    this.last = 0;
    /** @type {Map<string, {done: function(Response): void, fail: function(*): void, timer: number}>} */
    this.waiting = new Map();
    /** Pictures by address, least recently used first. @type {Map<string, Promise<string>>} */
    this.pictures = new Map();
    this.unreached = "The kernel does not answer: it may have been restarted; run the cell again.";
    this.hear = (/** @type {*} */ message, /** @type {DataView[]} */ buffers) => this.answered(message, buffers);
    model.on("msg:custom", this.hear);
  }

  /**
   * @param {string} path
   * @param {RequestInit} options
   * @returns {Promise<Response>}
   */
  ask(path, { method = "GET", headers = {}, body = null, signal = null } = {}) {
    const id = `${this.name}:${++this.last}`;
    return new Promise((done, fail) => {
      if (signal?.aborted) return fail(aborted());
      const leave = () => {
        if (!this.forget(id)) return;
        this.model.send({ kind: "cancel", id });
        fail(aborted());
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.waiting.set(id, { done, fail, timer: setTimeout(() => this.slow(), SLOW_MS) });
      const action = /** @type {Object<string, string>} */ (headers)["X-VQuery-Action"] ?? null;
      try {
        this.model.send({ kind: "ask", id, method, path, action, body });
      } catch (error) {
        this.forget(id);
        fail(error);
      }
    });
  }

  /** @param {*} message @param {DataView[]} [buffers] */
  answered(message, buffers = []) {
    if (message?.kind !== "answer") return;
    const asked = this.forget(message.id);
    if (!asked) return; // of another view, or given up
    const { status, type } = message;
    const empty = status === 204 || status === 304;
    asked.done(new Response(empty ? null : (buffers[0] ?? ""), { status, headers: { "Content-Type": type } }));
  }

  /** @param {string} id */
  forget(id) {
    const asked = this.waiting.get(id);
    clearTimeout(asked?.timer);
    this.waiting.delete(id);
    return asked;
  }

  /**
   * An address that an image can show.
   * @param {string} address of the workbench
   * @returns {Promise<string>}
   */
  picture(address) {
    const known = this.pictures.get(address);
    if (known) this.pictures.delete(address);
    const found = known ?? this.fetched(address);
    this.pictures.set(address, found);
    if (!known) found.catch(() => this.pictures.delete(address));
    while (this.pictures.size > PICTURES) this.drop(this.pictures.keys().next().value ?? "");
    return found;
  }

  /** @param {string} address */
  async fetched(address) {
    const answer = await this.ask(address, {});
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return URL.createObjectURL(await answer.blob());
  }

  /** @param {string} address */
  drop(address) {
    const found = this.pictures.get(address);
    this.pictures.delete(address);
    found?.then(URL.revokeObjectURL, () => undefined); // one that failed has no address
  }

  /** Wait for nothing more, and keep no picture. */
  close() {
    this.model.off("msg:custom", this.hear);
    for (const address of [...this.pictures.keys()]) this.drop(address);
    for (const [id, { fail }] of [...this.waiting]) {
      this.forget(id);
      this.model.send({ kind: "cancel", id });
      fail(aborted());
    }
  }
}

const aborted = () => new DOMException("nobody waits for the answer any more", "AbortError");
