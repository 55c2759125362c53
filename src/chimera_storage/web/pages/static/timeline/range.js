// The chosen range: its two ends to type in, what it holds, and what can be done with it.

import { post } from "../api.js";
import { ask } from "../ask.js";
import { setAttribute, setHidden, setText } from "../dom.js";
import { duration, inputTime, moment, size } from "../format.js";
import { t } from "../text.js";
import { say } from "./said.js";
import { change, names, state } from "./state.js";

const ESTIMATE_AFTER_MS = 250;
const element = (id) => document.getElementById(id);
const panel = element("range");
const from = element("range-from");
const to = element("range-to");
const camera = element("range-camera");
let timer = 0;
let asked = "";

// What range the server understands: whole seconds, both included.
export function body() {
  return { camera: state.active, start: Math.floor(state.from / 1000) * 1000, end: Math.floor(state.to / 1000) * 1000 + 999 };
}

// `look()` as in lanes.js; `onChange()` when something was kept, let go or deleted.
export function beginRange(look, onChange) {
  for (const [input, key] of [[from, "from"], [to, "to"]]) {
    input.addEventListener("change", () => {
      const ms = atClock(look().start, look().end, input.value);
      if (ms === null) return;
      const ends = { from: state.from ?? ms, to: state.to ?? ms, [key]: ms };
      change({ from: Math.min(ends.from, ends.to), to: Math.max(ends.from, ends.to) }, { step: true });
    });
  }
  camera.addEventListener("change", () => change({ active: Number(camera.value) }, { step: true }));
  element("range-clear").addEventListener("click", () => change({ from: null, to: null }, { step: true }));
  element("range-make")?.addEventListener("click", async () => (await import("./make.js")).make(body(), rangeText()));
  element("range-keep")?.addEventListener("click", async () => (await import("./keep.js")).keepRange(body(), rangeText(), onChange));
  element("range-delete")?.addEventListener("click", () => remove(onChange));
  element("kept-list").addEventListener("click", async (event) => {
    const { id } = event.target.closest("button")?.dataset || {};
    if (id) (await import("./keep.js")).letGo(id, onChange);
  });
}

export function showRange(look) {
  const has = state.from !== null;
  setHidden(element("range-hint"), has);
  setHidden(element("range-chosen"), !has);
  setAttribute(panel, "data-chosen", has ? "yes" : null);
  if (!document.activeElement || ![from, to].includes(document.activeElement)) {
    from.value = has ? inputTime(state.from).slice(11) : "";
    to.value = has ? inputTime(state.to).slice(11) : "";
  }
  setHidden(camera.parentElement, state.cameras.length < 2);
  const ids = state.cameras.join();
  if (camera.dataset.ids !== ids) {
    camera.dataset.ids = ids;
    camera.replaceChildren(...state.cameras.map((id) => new Option(names.get(id), id)));
  }
  camera.value = String(state.active);
  showKept(look());
  if (has) estimate();
  else asked = "";
}

function showKept({ footages, view }) {
  const kept = footages.find((footage) => footage.camera === state.active)?.kept || [];
  const [a, b] = state.from === null ? view : [state.from, state.to];
  const there = kept.filter((span) => span.end >= a && span.start <= b);
  setHidden(element("kept"), !there.length);
  element("kept-list").replaceChildren(...there.map((span) => {
    const item = element("kept-item").content.firstElementChild.cloneNode(true);
    const text = `${moment(span.start, "clock")} – ${moment(span.end, "clock")}${span.reason ? ` · ${span.reason}` : ""}`;
    setText(item.querySelector("span"), text);
    const button = item.querySelector("button");
    if (button) {
      button.dataset.id = span.id;
      button.setAttribute("aria-label", t("timeline.let_go_of", { what: text }));
    }
    return item;
  }));
}

function estimate(again = false) {
  const wish = body();
  const key = JSON.stringify(wish);
  if (key === asked && !again) return;
  if (key !== asked) say(""); // what was said of another range
  asked = key;
  clearTimeout(timer);
  setText(element("range-lasts"), duration((state.to - state.from) / 1000));
  timer = setTimeout(async () => {
    try {
      const found = await post("/convert/estimate", wish);
      if (key !== asked) return;
      setText(element("range-images"), `${t("timeline.images", { n: found.frames })}, ${size(found.bytes)}`);
      for (const button of panel.querySelectorAll("[data-needs-images]")) button.disabled = !found.frames;
    } catch (error) {
      say(error.message, "error");
    }
  }, ESTIMATE_AFTER_MS);
}

export function rangeText() {
  return `${names.get(state.active)}, ${moment(state.from, "day")}, ${moment(state.from, "seconds")} – ${moment(state.to, "seconds")}`;
}

// Says what goes and how much of it, asks once, deletes.
async function remove(onChange) {
  const wish = body();
  try {
    const [plain, all] = await Promise.all([false, true].map((kept) => post("/file/rangeDelete", { ...wish, preview: true, kept })));
    const lines = [rangeText(), t("timeline.delete_much", { n: plain.deleted, size: size(plain.bytes) })];
    const busy = all.busy ? t("timeline.delete_busy", { n: all.busy }) : null;
    if (!all.deleted) { // nothing to ask for: all of it is being read, or went meanwhile
      say(busy ?? t("timeline.deleted", { n: 0, size: size(0) }), "error");
      return;
    }
    if (busy) lines.push(busy);
    const also = document.createElement("label");
    const box = document.createElement("input");
    if (all.deleted > plain.deleted) {
      box.type = "checkbox";
      also.className = "check";
      const text = document.createElement("span");
      text.textContent = t("timeline.delete_kept", { n: all.deleted - plain.deleted, size: size(all.bytes - plain.bytes) });
      also.append(box, text);
      lines.push(also);
    }
    if (!(await ask({ title: t("timeline.delete_title"), text: lines, action: t("timeline.delete") }))) return;
    say(t("timeline.deleting"));
    const gone = await post("/file/rangeDelete", { ...wish, kept: box.checked });
    await onChange();
    estimate(true);
    say(t("timeline.deleted", { n: gone.deleted, size: size(gone.bytes) }), "good");
  } catch (error) {
    say(error.message, "error");
  }
}

// The moment of the day at which clocks show "18:30:05"; of two the first.
function atClock(start, end, text) {
  const found = /^(\d\d):(\d\d)(?::(\d\d))?/.exec(text);
  if (!found || start === null) return null;
  const [hours, minutes, seconds] = found.slice(1).map((part) => Number(part || 0));
  const wanted = hours * 3600 + minutes * 60 + seconds;
  for (const hour of [0, -1, 1, 2, -2]) { // the clocks may change on that day
    const ms = start + (wanted + hour * 3600) * 1000;
    if (ms >= start && ms <= end && inputTime(ms).slice(11, 19) === text.slice(0, 5) + (found[3] ? `:${found[3]}` : ":00")) return ms;
  }
  return null;
}
