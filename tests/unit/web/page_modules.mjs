// Checks of the page's arithmetic against plain ways of doing the same: `node THIS FOLDER`.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(process.argv[2] + "/");
const load = (name) => import(new URL(name, folder));
const selection = await load("selection.mjs");
const { Layout, HEADING, GAP } = await load("layout.mjs");
const formats = await load("formats.mjs");
const boxes = await load("boxes.mjs");

let seed = 7;
const random = (n) => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor((seed / 2147483648) * n);
};
const flat = (ranges) => ranges.flatMap(([a, b]) => Array.from({ length: b - a }, (_, i) => a + i));

function pulling() {
  const share = () => random(1001) / 1000;
  const near = (one, other) => one.forEach((side, at) => assert.ok(Math.abs(side - other[at]) < 1e-9));
  for (let round = 0; round < 500; round++) {
    const box = boxes.around([{ x: share(), y: share() }, { x: share(), y: share() }]);
    assert.ok(box[0] <= box[2] && box[1] <= box[3]);
    for (const { handle, x, y } of boxes.handlesOf(box)) {
      const to = { x: share() * 2 - 0.5, y: share() * 2 - 0.5 };
      const [x1, y1, x2, y2] = boxes.pulled(box, handle, { x: to.x - x, y: to.y - y });
      assert.ok(x1 >= 0 && y1 >= 0 && x1 <= x2 && y1 <= y2 && x2 <= 1 && y2 <= 1);
      const [left, top] = [boxes.inPicture(to.x), boxes.inPicture(to.y)];
      if (/[we]/.test(handle)) assert.ok(Math.min(Math.abs(x1 - left), Math.abs(x2 - left)) < 1e-9);
      else near([x1, x2], [box[0], box[2]]);
      if (/[ns]/.test(handle)) assert.ok(Math.min(Math.abs(y1 - top), Math.abs(y2 - top)) < 1e-9);
      else near([y1, y2], [box[1], box[3]]);
    }
    const [x1, y1, x2, y2] = boxes.pulled(box, "inside", { x: share() * 4 - 2, y: share() * 4 - 2 });
    near([x2 - x1, y2 - y1], [box[2] - box[0], box[3] - box[1]]);
    assert.ok(x1 >= -1e-9 && y1 >= -1e-9 && x2 <= 1 + 1e-9 && y2 <= 1 + 1e-9);
  }
  const out = [-0.2, 0.1, 0.3, 0.4]; // a box that sticks out comes in, never further out
  near(boxes.pulled(out, "inside", { x: -0.3, y: 0 }), out);
  near(boxes.pulled(out, "inside", { x: 0.3, y: 0 }), [0.1, 0.1, 0.6, 0.4]);
  assert.equal(boxes.handleAt(out, { x: 0.3, y: 0.4 }, { x: 0.01, y: 0.01 }, false), "se");
  assert.equal(boxes.handleAt(out, { x: 0.3, y: 0.2 }, { x: 0.01, y: 0.01 }, false), null);
  assert.equal(boxes.handleAt(out, { x: 0.3, y: 0.2 }, { x: 0.01, y: 0.01 }, true), "e");
  assert.equal(boxes.handleAt(out, { x: 0.2, y: 0.2 }, { x: 0.01, y: 0.01 }, true), "inside");
  assert.equal(boxes.handleAt(out, { x: 0.5, y: 0.2 }, { x: 0.01, y: 0.01 }, true), null);
}

function extremePoints() {
  const sides = { top: { x: 0.5, y: 0.1 }, left: { x: 0.2, y: 0.45 }, bottom: { x: 0.55, y: 0.8 }, right: { x: 0.9, y: 0.5 } };
  const box = boxes.around(Object.values(sides));
  assert.deepEqual(box, [0.2, 0.1, 0.9, 0.8]);
  for (const side of Object.keys(sides)) {
    const rest = Object.keys(sides).filter((one) => one !== side).map((one) => sides[one]);
    assert.equal(boxes.missingSide(rest), side);
    assert.equal(boxes.missingSide(rest.reverse()), side);
    assert.equal(boxes.missingSide(rest.slice(1)), null); // of two it could be any
  }
  const askew = [{ x: 0.1, y: 0.1 }, { x: 0.11, y: 0.12 }, { x: 0.9, y: 0.88 }];
  assert.equal(boxes.missingSide(askew), null);
  const moved = boxes.carried(Object.values(sides), box, [0, 0, 0.5, 1]);
  const now = boxes.around(moved);
  [0, 0, 0.5, 1].forEach((side, at) => assert.ok(Math.abs(now[at] - side) < 1e-9));
  assert.deepEqual(boxes.carried([{ x: 0.3, y: 0.5 }], [0.3, 0.2, 0.3, 0.8], [0.4, 0.2, 0.6, 0.8])[0].x, 0.4);
}

function ranges() {
  for (let round = 0; round < 300; round++) {
    const plain = new Set();
    let kept = [];
    for (let step = 0; step < 12; step++) {
      const a = random(40);
      const b = a + random(9);
      const add = random(3) > 0;
      kept = (add ? selection.withRange : selection.withoutRange)(kept, [a, b]);
      for (let at = a; at < b; at++) add ? plain.add(at) : plain.delete(at);
      const wanted = [...plain].sort((x, y) => x - y);
      assert.deepEqual(flat(kept), wanted);
      assert.deepEqual(kept, selection.rangesOf(wanted));
      assert.equal(selection.rangesCount(kept), wanted.length);
      for (let at = 0; at < 50; at++) assert.equal(selection.inRanges(kept, at), plain.has(at));
    }
  }
}

function selections() {
  const view = { sort: "score", descending: true };
  const all = { mode: "all", basis: null, ranges: [] };
  const most = selection.changed(all, view, [[3, 5]], false);
  assert.equal(selection.selectedCount(most, 10), 8);
  assert.equal(selection.isSelected(most, view, 3, null), false);
  assert.equal(selection.isSelected(most, view, 5, null), true);
  assert.deepEqual(selection.asBody(most, "r"), { result: "r", ...view, all: true, except: [[3, 5]] });
  const some = selection.changed(selection.NONE, view, [[0, 2]], true);
  assert.deepEqual(selection.changed(some, view, [[0, 2]], false), selection.NONE);
  const order = [7, 4, 9];
  const rows = selection.byRow(some, (at) => order[at] ?? null, 100);
  assert.deepEqual(rows, { mode: "some", basis: selection.BY_ROW, ranges: [[4, 5], [7, 8]] });
  assert.equal(selection.isSelected(rows, view, 0, 7), true); // by its row, in whatever order
  assert.equal(selection.isSelected(rows, view, 4, 9), false);
  const far = selection.changed(some, view, [[5, 6]], true);
  assert.equal(selection.byRow(far, (at) => order[at] ?? null, 100), null);
  assert.equal(selection.byRow(some, (at) => order[at] ?? null, 1), null);
}

function layouts() {
  for (let round = 0; round < 60; round++) {
    const total = random(120);
    const groups = [];
    for (let left = random(total + 1); left > 0 && round % 3; ) {
      const count = Math.min(left, 1 + random(14));
      groups.push({ key: String(left), title: `group ${left}`, count });
      left -= count;
    }
    const layout = new Layout({ total, width: 90 + random(500), least: 60, body: (w) => w + 20, groups });
    assert.equal(layout.sections.reduce((sum, section) => sum + section.count, 0), total);
    const places = Array.from({ length: total }, (_, at) => layout.place(at));
    for (let at = 0; at < total; at++) {
      const { left, top } = places[at];
      assert.ok(left >= 0 && top >= 0 && top + layout.height <= layout.bottom);
      const apart = places.every((other, to) => {
        return to === at || Math.abs(other.left - left) >= layout.width || Math.abs(other.top - top) >= layout.height;
      });
      assert.ok(apart, "cells overlap");
      const down = layout.vertical(at, 1);
      assert.ok(down === at || places[down].top > top);
      const up = layout.vertical(at, -1);
      assert.ok(up === at || places[up].top < top);
    }
    seen(layout, places);
    lasso(layout, places);
  }
}

function seen(layout, places) {
  const top = random(layout.bottom + 100) - 50;
  const bottom = top + random(400);
  const { from, to, headings } = layout.between(top, bottom);
  places.forEach((place, at) => {
    if (place.top < bottom && place.top + layout.height > top) assert.ok(from <= at && at < to);
  });
  const shown = layout.sections.filter(
    (section) => section.title !== null && section.top < bottom && section.top + HEADING > top,
  );
  assert.deepEqual(headings, shown);
}

function lasso(layout, places) {
  const left = random(400);
  const top = random(layout.bottom + 1);
  const box = { left, top, right: left + 1 + random(300), bottom: top + 1 + random(300) };
  const wanted = [];
  places.forEach((place, at) => {
    const across = place.left < box.right && place.left + layout.width > box.left;
    if (across && place.top < box.bottom && place.top + layout.height > box.top) wanted.push(at);
  });
  const found = flat(layout.inside(box));
  for (const at of wanted) assert.ok(found.includes(at), "a cell in the lasso is left out");
  for (const at of found) {
    const place = places[at];
    const near = place.left - GAP < box.right && place.left + layout.width + GAP > box.left;
    assert.ok(near && place.top - GAP < box.bottom && place.top + layout.height + GAP > box.top);
  }
}

function words() {
  assert.equal(formats.time(0), "0:00.0");
  assert.equal(formats.time(59_950_000), "0:59.9"); // never 0:60.0
  assert.equal(formats.time(3_725_250_000, 3), "1:02:05.250");
  assert.equal(formats.time(61_000_000, 0), "1:01");
  assert.equal(formats.share(0.8249), ".82");
  assert.equal(formats.share(0.999), ".99"); // never "1.00" for what is less
  assert.equal(formats.share(1), "1");
  assert.equal(formats.share(null), "");
  assert.equal(formats.counted(1, "hit"), "1 hit");
  assert.equal(formats.counted(1234, "hit"), "1,234 hits");
  assert.equal(formats.shortVideo("news/a.b.mp4"), "a.b");
}

ranges();
selections();
layouts();
words();
pulling();
extremePoints();
console.log("all held");
