// Going somewhere: to an image, an event, a day; playing; marking the ends of a range.

import { active, day, isToday, view, viewAround } from "./day.js";
import { activeTile, player, rest, showPlaying, wake } from "./show.js";
import { change, state } from "./state.js";

const BACK_MS = 1500; // an event whose begin is nearer than this is the one that one is at
const SMALL_STAGE = 800; // device pixels up to which played images are asked for in half the size

let follows = false; // the newest image, as it comes

export const isFollowing = () => follows && !player.playing;
export function follow(does) {
  follows = does && isToday();
}

// Somebody takes the position into the hand.
export function take() {
  wake();
  player.stop();
  follows = false;
  showPlaying();
}

export function moveTo(at) {
  const [from, to] = view();
  change(at < from || at > to ? { at, view: viewAround(at) } : { at });
  rest();
}

export function goToEvent(event, at = event.at) {
  take();
  const [from, to] = view();
  const changes = { at, active: event.camera };
  if (at < from || at > to) changes.view = viewAround(at);
  change(changes, { step: true });
  rest();
}

// To the first image of the next event of the camera, or of the one before.
export async function jump(way) {
  const footage = active();
  const at = state.at ?? day.start;
  const { events } = footage;
  const event = way > 0 ? events.find((one) => one.start > at) : events.findLast((one) => one.start < at - BACK_MS);
  if (!event) return;
  goToEvent(event, event.start);
  const first = await footage.edge(event.start - 1, 1).catch(() => null); // the begin is known by the second
  if (first && state.at === event.start && active() === footage) moveTo(first.at);
}

export async function step(way) {
  take();
  const from = activeTile()?.image || { at: state.at ?? day.start };
  const image = await active().step(from, way).catch(() => null);
  if (image) moveTo(image.at);
}

export async function newest() {
  take();
  const last = await active().edge(day.end, -1).catch(() => null);
  if (last) moveTo(last.at);
  follow(true);
}

export async function oldest() {
  take();
  const first = await active().edge(day.start - 1, 1).catch(() => null);
  if (first) moveTo(first.at);
}

// From the position on, to the end of the range where it lies in one; at the end from the begin.
export async function play() {
  const wasPlaying = player.playing;
  if (state.at === null) return;
  take();
  if (wasPlaying) {
    rest();
    return;
  }
  const inRange = state.from !== null && state.to > state.from && state.at >= state.from - 1000 && state.at <= state.to;
  const until = inRange ? state.to : day.end;
  const last = await active().edge(until, -1).catch(() => null);
  const again = last !== null && state.at >= last.at;
  const first = again ? await active().edge((inRange ? state.from : day.start) - 1, 1) : await active().find(state.at);
  if (!first) return;
  const canvas = activeTile()?.canvas;
  player.start(active(), { at: first.at - 1 }, until, canvas && canvas.width <= SMALL_STAGE ? 640 : 0);
  showPlaying();
}

export function mark(end) {
  if (state.at === null) return;
  const [from, to] = [state.from ?? state.at, state.to ?? state.at];
  const ends = end === "from" ? [state.at, Math.max(to, state.at)] : [Math.min(from, state.at), state.at];
  change({ from: ends[0], to: ends[1] }, { step: true });
}

export const clearRange = () => change({ from: null, to: null }, { step: true });

export function goToDay(date) {
  if (date && date !== state.day) change({ day: date, at: null, from: null, to: null, view: null }, { step: true });
}
