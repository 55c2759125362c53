// The page /timeline put together: what is pressed and dragged, and what changes with it.

import { repeat } from "../api.js";
import { setHidden, setText } from "../dom.js";
import { number } from "../format.js";
import { t } from "../text.js";
import { teller } from "../trouble.js";
import { active, day, grow, isLoaded, isToday, load, look, refine, reload, shrink, view } from "./day.js";
import { clearRange, follow, goToDay, goToEvent, isFollowing, jump, mark, moveTo, newest, oldest, play, step, take } from "./go.js";
import { Hand } from "./hand.js";
import { beginRange, showRange } from "./range.js";
import { clearSheets, lanes, onEvent, peek, player, rest, showAll, showEventList, showHead, showPlaying, showPosition, showSheets, showTiles, snap, wake } from "./show.js";
import { address, change, listen, names, state, today } from "./state.js";

const GROW_EVERY_MS = 3000;
const SHRINK_EVERY_MS = 15_000;
const REFINE_AFTER_MS = 200;
const AGAIN_MS = 3000; // where the server did not answer
const element = (id) => document.getElementById(id);
const host = element("lanes");
const tellOfDay = teller("day");
let viewed = 0;
let again = 0;

const hand = new Hand(lanes, look, {
  scrub(ms, lane) {
    if (player.playing || isFollowing()) take();
    wake();
    change({ at: ms, active: lane === null ? state.active : state.cameras[lane] });
  },
  rest: snap,
  hover(ms, lane) {
    if (ms !== null) wake();
    day.hover = ms;
    lanes.touch();
    peek(ms, lane);
  },
  range: (from, to, done) => change({ from, to }, { step: done }),
  view(from, to) {
    change({ view: from <= day.start && to >= day.end ? null : [from, to] });
  },
});

async function showDay() {
  clearTimeout(again);
  player.stop();
  showHead();
  clearSheets();
  host.setAttribute("aria-busy", "true");
  try {
    const changes = await load();
    tellOfDay(null);
    if (!changes) return;
    follow(isToday() && changes.at !== undefined && changes.at !== null);
    change(changes);
  } catch (error) {
    tellOfDay(error);
    if (error instanceof TypeError) again = setTimeout(showDay, AGAIN_MS);
    return;
  }
  host.removeAttribute("aria-busy");
  showAll();
  rest();
  showFiner();
}

async function showFiner() {
  if (await refine()) lanes.redraw();
  showSheets();
}

repeat(async () => {
  if (!isToday() || !isLoaded()) return;
  const grown = await grow();
  lanes.redraw();
  if (!grown) return;
  if (isFollowing()) {
    const last = await active().edge(day.end, -1);
    if (last && isFollowing()) moveTo(last.at);
  }
  showAll();
  showFiner();
}, GROW_EVERY_MS, teller("today"));

repeat(async () => {
  if (!isLoaded() || player.playing || !(await shrink())) return;
  clearSheets();
  showAll();
  showFiner();
  rest();
}, SHRINK_EVERY_MS, teller("gone"));

listen((changed) => {
  if (changed.has("day") || changed.has("cameras")) {
    showDay();
    return;
  }
  if (!isLoaded()) return;
  const has = (...keys) => keys.some((key) => changed.has(key));
  if (has("view")) {
    lanes.redraw();
    clearTimeout(viewed);
    viewed = setTimeout(() => {
      showFiner();
      showEventList();
    }, REFINE_AFTER_MS);
  }
  if (has("side", "active")) {
    if (player.playing) take();
    showTiles();
    lanes.redraw();
  }
  if (has("side", "active", "view")) showHead();
  if (has("from", "to", "active")) showRange(look);
  if (has("at", "active", "side")) showPosition();
  lanes.touch();
});

// keys and buttons

const zoom = (factor) => {
  const [from, to] = view();
  hand.zoom(factor, state.at !== null && state.at >= from && state.at <= to ? state.at : (from + to) / 2);
};
const everywhere = {
  " ": play, k: play, ArrowLeft: () => step(-1), ArrowRight: () => step(1), n: () => jump(1), p: () => jump(-1),
  i: () => mark("from"), o: () => mark("to"), Escape: clearRange, "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
  0: () => change({ view: null }, { step: true }),
};
const onDrawing = { Home: oldest, End: newest, PageDown: () => jump(1), PageUp: () => jump(-1) };

async function extend(way) {
  if (state.from === null) mark("from");
  const end = state.at <= state.from && !(way > 0 && state.from === state.to) ? "from" : "to";
  await step(way);
  mark(end);
}

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !isLoaded()) return;
  if (target.closest("input, select, textarea, dialog, [popover]") || (key === " " && target.closest("button, a, summary"))) return;
  let does = everywhere[key.length === 1 ? key.toLowerCase() : key] || (target === host ? onDrawing[key] : null);
  if (event.shiftKey && key.startsWith("Arrow")) does = () => extend(key === "ArrowLeft" ? -1 : 1);
  if (!does || key === "ArrowUp" || key === "ArrowDown") return;
  event.preventDefault();
  does();
});

const shifted = (days) => new Date(Date.parse(`${state.day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
const presses = {
  play, back: () => step(-1), forth: () => step(1), "event-back": () => jump(-1), "event-forth": () => jump(1),
  "mark-from": () => mark("from"), "mark-to": () => mark("to"), "zoom-in": () => zoom(0.5), "zoom-out": () => zoom(2),
  "whole-day": () => change({ view: null }, { step: true }), side: () => change({ side: !state.side }, { step: true }),
  "day-today": () => goToDay(today), "day-previous": () => goToDay(shifted(-1)), "day-next": () => goToDay(shifted(1)),
  "day-choose": async () => goToDay(await (await import("./calendar.js")).chooseDay(state.day)), "copy-link": copyLink,
};
for (const [id, does] of Object.entries(presses)) element(id).addEventListener("click", does);

for (const button of document.querySelectorAll("[data-camera]")) {
  button.addEventListener("click", () => {
    const id = Number(button.dataset.camera);
    const all = [...names.keys()];
    const chosen = all.filter((one) => state.cameras.includes(one) !== (one === id));
    const cameras = chosen.length ? chosen : all;
    change({ cameras, side: state.side && cameras.length > 1 }, { step: true });
  });
}

async function copyLink() {
  const link = new URL(address(), location.href).href;
  history.replaceState(null, "", link);
  const field = element("link-field");
  try {
    await navigator.clipboard.writeText(link);
    setText(element("link-said"), t("timeline.copied"));
    setTimeout(() => setText(element("link-said"), ""), 3000);
  } catch { // only pages over https may write to the clipboard
    setHidden(field, false);
    field.value = link;
    field.focus();
    field.select();
  }
}
element("link-field").addEventListener("blur", () => setHidden(element("link-field"), true));
element("fps").addEventListener("input", () => {
  player.fps = Number(element("fps").value);
  setText(element("fps-text"), number(player.fps));
});
for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake, { once: true });

onEvent(goToEvent);
beginRange(look, async () => {
  await reload();
  showAll();
  rest();
});
showPlaying();
if (names.size) showDay();
else showHead();
