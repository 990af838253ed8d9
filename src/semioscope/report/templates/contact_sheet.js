"use strict";
// Decisions on crop plans: kept in this browser, shown at once, given out as a file.
const EDGES = ["left", "top", "right", "bottom"];
const LEAST = 0.01; // of a side; a smaller drag is a click
const WORDS = { accept: "accept", reject: "reject", redraw: "new box" };
const place = `semioscope ${document.body.dataset.kind} ${document.body.dataset.name} ${document.body.dataset.cropper}`;
const cards = [...document.querySelectorAll(".card")];
const decisions = new Map(); // by card: { decision, box, planes }
let current = 0;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const keyOf = (card) => JSON.stringify([card.dataset.event, card.dataset.recording, card.dataset.plan, card.dataset.view]);
const inFractions = (card, pixels) => {
  const [x, y, width, height] = pixels.split(" ").map(Number);
  const [all, high] = [Number(card.dataset.width), Number(card.dataset.height)];
  return { left: x / all, top: y / high, right: (x + width) / all, bottom: (y + height) / high };
};
const planned = (card) => inFractions(card, card.dataset.box);
const isBox = (box) =>
  Boolean(box) && EDGES.every((edge) => Number.isFinite(box[edge]) && box[edge] >= 0 && box[edge] <= 1) &&
  box.left < box.right && box.top < box.bottom;

// What was decided before the page was loaded again. Some browsers keep nothing for files.
let stored = {};
let keeps = true;
try {
  stored = JSON.parse(localStorage.getItem(place) ?? "{}") ?? {};
} catch {
  keeps = false;
}
for (const card of cards) {
  const old = stored[keyOf(card)];
  if (old && old.decision in WORDS && (old.decision !== "redraw" || isBox(old.box))) {
    decisions.set(card, { decision: old.decision, box: old.box ?? null, planes: old.planes !== false });
  }
}

function keep() {
  for (const card of cards) {
    if (decisions.has(card)) stored[keyOf(card)] = decisions.get(card);
    else delete stored[keyOf(card)];
  }
  try {
    localStorage.setItem(place, JSON.stringify(stored));
    keeps = true;
  } catch {
    keeps = false;
  }
}

function setRect(rect, card, box) {
  const [width, height] = [Number(card.dataset.width), Number(card.dataset.height)];
  rect.setAttribute("x", box.left * width);
  rect.setAttribute("y", box.top * height);
  rect.setAttribute("width", (box.right - box.left) * width);
  rect.setAttribute("height", (box.bottom - box.top) * height);
}

function show(card, { fields = true } = {}) {
  const made = decisions.get(card);
  const redrawn = made?.decision === "redraw";
  const rejected = made?.decision === "reject";
  const box = redrawn ? made.box : planned(card);
  const [width, height] = [Number(card.dataset.width), Number(card.dataset.height)];
  const cut = rejected ? inFractions(card, card.dataset.raw) : box;
  for (const rect of card.querySelectorAll(".box, .halo")) setRect(rect, card, box);
  for (const shot of card.querySelectorAll(".shot.after")) {
    const seen = [cut.left * width, cut.top * height, (cut.right - cut.left) * width, (cut.bottom - cut.top) * height];
    shot.setAttribute("viewBox", seen.map((value) => value.toFixed(2)).join(" "));
  }
  card.classList.toggle("rejecting", rejected);
  card.classList.toggle("noplanes", redrawn && !made.planes);
  card.classList.toggle("decided", Boolean(made) || Boolean(card.dataset.before));
  for (const radio of card.querySelectorAll("input[type=radio]")) radio.checked = radio.value === made?.decision;
  card.querySelector(".undo").hidden = !made;
  card.querySelector(".editor").hidden = !redrawn;
  const chip = card.querySelector(".verdict-chip");
  chip.hidden = !made;
  chip.textContent = made ? `your decision: ${WORDS[made.decision]}` : "";
  card.querySelector(".now").hidden = Boolean(made);
  if (redrawn) {
    if (fields) {
      for (const input of card.querySelectorAll("[data-edge]")) input.value = (100 * box[input.dataset.edge]).toFixed(1);
      card.querySelector(".problem").textContent = "";
    }
    const planes = card.querySelector(".planes");
    if (planes) planes.checked = made.planes;
  }
}

function count() {
  const done = cards.filter((card) => decisions.has(card) || card.dataset.before).length;
  document.getElementById("count").textContent = `${done} of ${cards.length} decided`;
  document.getElementById("progress").value = done;
  document.getElementById("download").disabled = decisions.size === 0;
  document.getElementById("next").disabled = done === cards.length;
  document.getElementById("kept").textContent = keeps
    ? decisions.size ? `${decisions.size} made here, kept in this browser until you download them` : ""
    : "This browser keeps nothing when the page is closed: download before you leave.";
}

function decide(card, decision, more = {}) {
  const old = decisions.get(card);
  if (decision === null) decisions.delete(card);
  else if (decision === "redraw") {
    const doubtful = card.dataset.doubtful === "yes" && !card.dataset.before;
    decisions.set(card, {
      decision,
      box: more.box ?? old?.box ?? planned(card),
      planes: more.planes ?? old?.planes ?? (card.dataset.planes === "yes" && !doubtful),
    });
  } else decisions.set(card, { decision, box: old?.box ?? null, planes: old?.planes ?? true });
  show(card, more);
  keep();
  count();
}

function go(index) {
  current = clamp(index, 0, cards.length - 1);
  cards[current].focus({ preventScroll: true });
  cards[current].scrollIntoView({ block: "start" });
}

function nextUndecided(after) {
  const open = (card) => !decisions.has(card) && !card.dataset.before;
  const order = [...cards.slice(after + 1), ...cards.slice(0, after + 1)];
  const found = order.find(open);
  if (found) go(cards.indexOf(found));
}

function drag(card, picture) {
  let start = null;
  const at = (event) => {
    const frame = picture.getBoundingClientRect();
    return {
      x: clamp((event.clientX - frame.left) / frame.width, 0, 1),
      y: clamp((event.clientY - frame.top) / frame.height, 0, 1),
    };
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = at(event);
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = at(event);
    const box = {
      left: Math.min(start.x, end.x), top: Math.min(start.y, end.y),
      right: Math.max(start.x, end.x), bottom: Math.max(start.y, end.y),
    };
    if (box.right - box.left >= LEAST && box.bottom - box.top >= LEAST) decide(card, "redraw", { box });
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { start = null; });
}

function move(card, event) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  const box = { ...decisions.get(card).box };
  const by = step.map((value) => value * 0.01);
  if (event.shiftKey) {
    box.right = clamp(box.right + by[0], box.left + LEAST, 1);
    box.bottom = clamp(box.bottom + by[1], box.top + LEAST, 1);
  } else {
    const [x, y] = [clamp(by[0], -box.left, 1 - box.right), clamp(by[1], -box.top, 1 - box.bottom)];
    box.left += x;
    box.right += x;
    box.top += y;
    box.bottom += y;
  }
  decide(card, "redraw", { box });
}

function write(card) {
  const box = {};
  for (const input of card.querySelectorAll("[data-edge]")) box[input.dataset.edge] = input.value === "" ? NaN : Number(input.value) / 100;
  const problem = card.querySelector(".problem");
  if (isBox(box)) {
    problem.textContent = "";
    decide(card, "redraw", { box, fields: false });
  } else problem.textContent = "The edges must be from 0 to 100, left below right and top below bottom. The last box that was right is kept.";
}

cards.forEach((card, index) => {
  for (const radio of card.querySelectorAll("input[type=radio]")) radio.addEventListener("change", () => decide(card, radio.value));
  card.querySelector(".undo").addEventListener("click", () => {
    decide(card, null);
    card.focus({ preventScroll: true });
  });
  const first = card.querySelector(".shot.before");
  if (first) drag(card, first);
  const large = card.querySelector(".draw");
  drag(card, large);
  large.addEventListener("keydown", (event) => move(card, event));
  for (const input of card.querySelectorAll("[data-edge]")) input.addEventListener("input", () => write(card));
  card.querySelector(".planes")?.addEventListener("change", (event) => decide(card, "redraw", { planes: event.target.checked }));
  card.addEventListener("focusin", () => { current = index; });
  card.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.type === "number") return;
    const key = event.key.toLowerCase();
    if (key === "a" || key === "r") {
      decide(card, key === "a" ? "accept" : "reject");
      nextUndecided(index);
    } else if (key === "d") {
      decide(card, "redraw");
      large.focus();
    } else if (key === "u") decide(card, null);
    else if (key === "n") go(index + 1);
    else if (key === "p") go(index - 1);
    else return;
    event.preventDefault();
  });
  show(card);
});

if (cards.length) {
  document.getElementById("next").addEventListener("click", () => nextUndecided(current - (decisions.has(cards[current]) || cards[current].dataset.before ? 0 : 1)));
  document.getElementById("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([asFile()], { type: "application/json" }));
    link.download = `${document.body.dataset.kind}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  count();
}

function asFile() {
  const rows = cards.filter((card) => decisions.has(card)).map((card) => {
    const { decision, box, planes } = decisions.get(card);
    const { event, recording, plan, view } = card.dataset;
    const row = { event_id: event, recording_id: recording, decision, plan, view };
    const round = (edge) => Math.round(box[edge] * 1e6) / 1e6;
    return decision === "redraw" ? { ...row, box: Object.fromEntries(EDGES.map((edge) => [edge, round(edge)])), planes } : row;
  });
  const { kind, version, cohort, cropper } = document.body.dataset;
  return `${JSON.stringify({ schema_version: Number(version), kind, cohort_hash: cohort, cropper, decisions: rows }, null, 1)}\n`;
}

document.body.classList.add("ready"); // what needs this script is shown now
