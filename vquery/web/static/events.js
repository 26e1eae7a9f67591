/** The history of the collection: every action of people, newest first, with undo and redo. */

import { get, post } from "./api.js";
import { el, openDialog } from "./dialogs.js";
import { sentence, table } from "./fields.js";
import { count } from "./formats.js";
import { dispatch, note } from "./store.js";
import { moment } from "./why.js";

const PAGE = 100;
const NONE = "none of them";

export function openEvents() {
  const history = new History();
  const dialog = openDialog({
    title: "History",
    wide: true,
    body: history.element,
    actions: [
      { label: "Undo my last", run: () => history.act("/api/undo") },
      { label: "Redo", run: () => history.act("/api/redo") },
      { label: "Close", kind: "main" },
    ],
  });
  history.fail = dialog.fail;
  dialog.buttons[2].focus();
  void history.read();
}

class History {
  constructor() {
    /** @type {Array<*>} newest first */
    this.events = [];
    this.fail = (/** @type {string} */ _) => {};
    this.said = el("p", { class: "quiet", role: "status" });
    this.list = el("div", { class: "events-list", tabindex: 0, role: "region", "aria-label": "Actions" });
    this.earlier = el("button", { type: "button", hidden: true, onclick: () => void this.more() }, "Earlier actions");
    this.element = el("div", {},
      el("p", {}, "Nothing is overwritten: labels follow from these actions, and undo is one of them."),
      this.said, this.list, this.earlier);
  }

  async read() {
    this.events = [];
    try {
      const { last_event } = await get("/api/events", { after: 0, limit: 1 });
      await this.page(last_event ?? 0);
    } catch (error) {
      this.fail(sentence(error));
    }
  }

  async more() {
    try {
      await this.page(this.events.at(-1).event - 1);
    } catch (error) {
      this.fail(sentence(error));
    }
  }

  /** Read the actions up to a number. @param {number} last */
  async page(last) {
    const after = Math.max(last - PAGE, 0);
    const { events } = await get("/api/events", { after, limit: PAGE });
    const mine = events.filter((/** @type {*} */ one) => one.event <= last);
    this.events.push(...mine.reverse());
    this.earlier.hidden = after <= 0;
    this.show();
  }

  show() {
    if (!this.events.length) {
      return this.list.replaceChildren(el("p", { class: "quiet" }, "Nothing has been labelled yet."));
    }
    const rows = this.events.map((one) => [
      String(one.event), moment(one.at_us), one.who ?? "", done(one), one.concept ?? "", valueOf(one),
      one.count ? count(one.count) : "", query(one.query),
    ]);
    const made = table(["No.", "When", "Who", "What", "Concept", "Label", "Items", "Found by"], rows);
    this.events.forEach((one, at) => {
      if (one.undone) made.querySelectorAll("tbody tr")[at].classList.add("undone");
    });
    this.list.replaceChildren(made);
  }

  /** @param {string} path */
  async act(path) {
    const answer = await post(path);
    this.said.textContent = answer.sentence ?? "There is nothing left to take back.";
    if (answer.sentence) note(answer.sentence, "done");
    dispatch("labels", {});
    await this.read();
    return false;
  }
}

/** @param {*} one */
const done = (one) => [one.action, one.about ? `of no. ${one.about}` : "", one.undone ? "(undone)" : ""].join(" ");

/** @param {*} one */
const valueOf = (one) => (one.value ?? (one.action === "label" ? NONE : ""));

/** @param {string|null} text */
function query(text) {
  if (!text) return "";
  return el("span", { class: "event-query", title: text }, text.length > 60 ? `${text.slice(0, 59)}…` : text);
}
