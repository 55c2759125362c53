// What stands on the page: the head, the pictures, the events, and the drawing's words for those who
// do not see it.

import { setAttribute, setHidden, setText } from "../dom.js";
import { locale, moment } from "../format.js";
import { t } from "../text.js";
import { active, day, footages, isLoaded, known, look, view } from "./day.js";
import { showEvents } from "./events.js";
import { Lanes } from "./lanes.js";
import { Player } from "./player.js";
import { showRange } from "./range.js";
import { Tile } from "./stage.js";
import { change, state, today } from "./state.js";

const REST_AFTER_MS = 140;
const SNAP_PX = 8;
const element = (id) => document.getElementById(id);
const dayName = new Intl.DateTimeFormat(locale, { timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric" });
const host = element("lanes");
const tiles = new Map();
let awake = false; // somebody uses the page: full images, sheets of small ones
let resting = 0;

export const lanes = new Lanes(host, look);
export const player = new Player({
  show(image, picture) {
    tiles.get(state.active)?.play(image, picture);
    change({ at: image.at });
    for (const [camera, tile] of tiles) if (camera !== state.active) tile.show(image.at, false);
  },
  ended() {
    showPlaying();
    rest();
  },
  pace: (fps) => setText(element("pace"), fps < player.fps * 0.9 ? t("timeline.speed_reached", { n: Math.round(fps) }) : ""),
});

export const activeTile = () => tiles.get(state.active);

export function showAll() {
  showTiles();
  showHead();
  lanes.resize();
  showPosition();
  showRange(look);
  showEventList();
}

export function showHead() {
  setText(element("day-text"), dayName.format(Date.parse(`${state.day}T12:00:00Z`)));
  element("day-next").disabled = state.day >= today;
  setHidden(element("day-today"), state.day === today);
  for (const button of document.querySelectorAll("[data-camera]")) {
    setAttribute(button, "aria-pressed", String(state.cameras.includes(Number(button.dataset.camera))));
  }
  setAttribute(element("side"), "aria-pressed", String(state.side));
  setHidden(element("side"), state.cameras.length < 2);
  const images = footages().reduce((sum, footage) => sum + footage.images, 0);
  setText(element("day-images"), isLoaded() ? t("timeline.images", { n: images }) : "");
  setHidden(element("whole-day"), !state.view);
}

export function showTiles() {
  const shown = state.side ? state.cameras : [state.active].filter((id) => id !== null);
  for (const [id, tile] of tiles) {
    if (shown.includes(id)) continue;
    tile.element.remove();
    tile.sheet.clear();
    tiles.delete(id);
  }
  for (const id of shown) {
    if (!tiles.has(id)) {
      const tile = new Tile(known.get(id), element("tile"), (camera) => change({ active: camera }));
      tile.awake = awake;
      tiles.set(id, tile);
      if (awake) sheet(tile);
    }
    const tile = tiles.get(id).element;
    if (element("stage").children[shown.indexOf(id)] !== tile) element("stage").append(tile);
    tile.classList.toggle("active", state.side && id === state.active);
  }
  setAttribute(element("stage"), "data-tiles", Math.min(shown.length, 5));
}

// The position, while it moves; where it then stands for a moment, `rest` follows.
export function showPosition() {
  lanes.touch();
  if (!isLoaded()) return;
  setAttribute(host, "aria-valuemin", Math.round(day.start / 1000));
  setAttribute(host, "aria-valuemax", Math.round(day.end / 1000));
  setAttribute(host, "aria-valuenow", Math.round((state.at ?? day.start) / 1000));
  setAttribute(host, "aria-valuetext", state.at === null ? t("timeline.no_image") : moment(state.at, "seconds"));
  if (player.playing) return;
  for (const tile of tiles.values()) tile.show(state.at ?? day.start, false);
  clearTimeout(resting);
  resting = setTimeout(rest, REST_AFTER_MS);
}

// The position stands still: the images themselves are shown.
export function rest() {
  clearTimeout(resting);
  if (player.playing || state.at === null || !isLoaded()) return;
  for (const tile of tiles.values()) tile.show(state.at, true);
  showOpen();
  showEventList();
}

// To the time of the image itself, where that is near on the screen.
export async function snap() {
  const at = state.at;
  const image = at === null ? null : await active().find(at).catch(() => null);
  if (image && state.at === at && Math.abs(lanes.x(image.at) - lanes.x(at)) <= SNAP_PX) change({ at: image.at });
  rest();
}

async function showOpen() {
  const at = state.at;
  const image = await active().find(at).catch(() => null);
  if (state.at === at) setAttribute(element("open-image"), "href", image ? `${image.url}?inline` : null);
}

export function showEventList() {
  if (isLoaded()) showEvents(footages(), view(), state.at, (event) => goToEvent(event));
}

let goToEvent = () => {};
export function onEvent(go) {
  goToEvent = go;
}

export function showPlaying() {
  const text = t(player.playing ? "timeline.pause" : "timeline.play");
  setAttribute(element("play"), "aria-label", text);
  setAttribute(element("play"), "title", `${text} (␣)`);
  setAttribute(element("play"), "data-playing", player.playing ? "yes" : null);
  if (!player.playing) setText(element("pace"), "");
}

// The small picture above the mouse.
export function peek(ms, lane) {
  const box = element("peek");
  const tile = lane === null ? null : tiles.get(state.cameras[lane]);
  const cell = ms === null || !tile ? null : tile.sheet.cell(ms);
  setHidden(box, !cell);
  if (!cell) return;
  const canvas = box.querySelector("canvas");
  canvas.getContext("2d").drawImage(tile.sheet.bitmap, cell.x, cell.y, cell.w, cell.h, 0, 0, canvas.width, canvas.height);
  setText(box.querySelector("time"), moment(cell.at, "seconds"));
  box.style.left = `${Math.min(Math.max(lanes.x(ms) - 82, 0), lanes.width - 164)}px`;
}

// Full images, and sheets of small ones, are loaded once somebody uses the page.
export function wake() {
  if (awake) return;
  awake = true;
  for (const tile of tiles.values()) tile.awake = true;
  showSheets();
  rest();
}

export function showSheets() {
  if (awake) for (const tile of tiles.values()) sheet(tile);
}

export function clearSheets() {
  for (const tile of tiles.values()) tile.sheet.clear();
}

async function sheet(tile) {
  const [from, to] = view();
  if (from === null || !tile.footage.images) return;
  if ((await tile.sheet.want(from, to)) && tile.at !== null && !player.playing) tile.show(tile.at, tile.rests);
}
