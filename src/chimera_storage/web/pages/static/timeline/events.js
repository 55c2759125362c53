// The events of what is looked at as thumbnails: those in which most moves, in the order of time.

import { keep, setAttribute, setHidden, setText } from "../dom.js";
import { duration, moment, percent } from "../format.js";
import { t } from "../text.js";

const MOST = 18;
const list = document.getElementById("events");
const count = document.getElementById("events-count");
const none = document.getElementById("no-events");
const template = document.getElementById("event");

// Thumbnails are asked for once they are to be seen: a browser's own lazy loading begins far outside.
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.src = target.dataset.src;
  }
}, { root: list });

// `press(event)` when one is chosen.
export function showEvents(footages, view, at, press) {
  const inView = footages.flatMap((footage) => footage.events.filter((event) => event.start <= view[1] && (event.end ?? Infinity) >= view[0]));
  const best = [...inView].sort((a, b) => (b.score ?? -1) - (a.score ?? -1)).slice(0, MOST).sort((a, b) => a.start - b.start);
  setHidden(none, inView.length > 0);
  const few = best.length < inView.length;
  setText(count, few ? t("timeline.events_best", { n: inView.length, shown: best.length }) : t("timeline.events", { n: inView.length }));
  const names = new Map(footages.map((footage) => [footage.camera, footage.name]));
  const items = keep(list, best, (event) => `${event.camera}-${event.start}`, template);
  items.forEach((item, i) => show(item, best[i], names, footages.length > 1, at, press));
}

function show(item, event, names, named, at, press) {
  const button = item.querySelector("button");
  button.onclick = () => press(event);
  const image = item.querySelector("img");
  setHidden(image, !event.url);
  const address = `${event.url}?width=160`;
  if (event.url && image.dataset.src !== address) {
    image.dataset.src = address;
    seen.observe(image);
  }
  const clock = moment(event.start, "seconds");
  setText(item.querySelector("time"), clock);
  const lasts = event.end === null ? t("timeline.goes_on") : duration(Math.max(1, (event.end - event.start) / 1000));
  const score = event.score === null ? "" : ` · ${percent(Math.max(0.01, event.score))}`;
  setText(item.querySelector(".about"), named ? names.get(event.camera) : `${lasts}${score}`);
  setAttribute(button, "aria-label", t("timeline.event_of", { camera: names.get(event.camera), time: clock, lasts }));
  const here = at !== null && at >= event.start && at <= (event.end ?? Infinity);
  setAttribute(button, "aria-current", here ? "true" : null);
}
