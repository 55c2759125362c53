// The day that is looked at: its bounds, the footage of its cameras, what part of it is shown.

import { Footage } from "./footage.js";
import { names, state, today } from "./state.js";

export const known = new Map([...names].map(([id, name]) => [id, new Footage(id, name)]));
// `start` and `end` (exclusive) are null until the day is loaded; `hover`: the moment under the mouse.
export const day = { start: null, end: null, now: Date.now(), hover: null };
let loads = 0;

export const footages = () => state.cameras.map((id) => known.get(id));
export const active = () => known.get(state.active);
export const view = () => state.view || [day.start, day.end];
export const isLoaded = () => day.start !== null;
export const isToday = () => state.day === today;

// What the drawing shows; see lanes.js.
export const look = () => ({
  footages: footages(), active: state.active, view: view(), start: day.start, end: day.end,
  at: state.at, from: state.from, to: state.to, hover: day.hover, now: day.now,
});

// Loads the day, and what of the state has to be another for it: a position and a range outside of it,
// a camera that is not shown. Null where another day was asked for meanwhile.
export async function load() {
  const mine = (loads += 1);
  Object.assign(day, { start: null, end: null });
  const found = await Promise.all(footages().map((footage) => footage.load(state.day)));
  if (mine !== loads || found.includes(null)) return null;
  Object.assign(day, { start: found[0].start, end: found[0].end + 1, now: found[0].now });
  const changes = {};
  const inside = (ms) => ms !== null && ms >= day.start && ms < day.end;
  if (state.view && !(state.view[0] < day.end && state.view[1] > day.start)) changes.view = null;
  if (state.from !== null && !(inside(state.from) && inside(state.to))) Object.assign(changes, { from: null, to: null });
  if (!state.cameras.includes(state.active)) {
    const having = footages().filter((footage) => footage.images);
    changes.active = (having.sort((a, b) => b.newestPart() - a.newestPart())[0] || footages()[0]).camera;
  }
  if (!inside(state.at)) {
    const last = await known.get(changes.active ?? state.active).edge(day.end, -1);
    if (mine !== loads) return null;
    changes.at = last && last.at;
  }
  return changes;
}

// What was saved since; true where there is something.
export async function grow() {
  day.now = Date.now();
  return (await Promise.all(footages().map((footage) => footage.grow()))).some(Boolean);
}

// What was deleted since, by whomever; true where something was.
export async function shrink() {
  return (await Promise.all(footages().map((footage) => footage.shrink()))).some(Boolean);
}

// Finer counts of what is shown; true where there are others now.
export async function refine() {
  const [from, to] = view();
  const asked = footages().map((footage) => footage.refine(from, to).catch(() => false));
  return isLoaded() && (await Promise.all(asked)).some(Boolean);
}

export async function reload() {
  await Promise.all(footages().map((footage) => footage.load(state.day)));
}

// A view as long as the present one, with a moment in its middle.
export function viewAround(at) {
  const length = view()[1] - view()[0];
  const from = Math.min(Math.max(at - length / 2, day.start), day.end - length);
  return [from, from + length];
}
