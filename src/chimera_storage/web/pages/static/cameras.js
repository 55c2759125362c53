// The cards of the cameras: newest image with what moved, state in words, what is stored.

import { root } from "./api.js";
import { keep, setAttribute, setHidden, setText } from "./dom.js";
import { duration, number, time } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const parent = document.getElementById("cameras");
const template = document.getElementById("camera-card");
const none = document.getElementById("no-camera");

export function showCameras({ cameras, now }) {
  setHidden(none, cameras.length > 0);
  const cards = keep(parent, cameras, (camera) => camera.id, template);
  cards.forEach((card, i) => show(card, cameras[i], now));
  parent.removeAttribute("aria-busy");
}

function show(card, camera, now) {
  const part = (name) => card.querySelector(name);
  setText(part(".name"), camera.name);
  setText(part(".state"), words(camera, now));
  setAttribute(card, "data-light", light(camera));
  const stored = camera.count === 1 ? "1 image" : `${number(camera.count)} images`;
  setText(part(".stored"), `${stored}, ${camera.formatted}`);
  setAttribute(part(".stored"), "href", camera.count ? `${root}/shared/captures/${camera.id}/` : null);
  const stream = camera.state === "connected" && camera.width
    ? `· ${camera.width}×${camera.height}, ${number(Math.round(camera.fps))} per second` : "";
  setText(part(".stream"), stream);
  picture(card, camera, now);
}

function light(camera) {
  if (camera.recording) return "recording";
  if (camera.state === "connected") return camera.healthProblem ? "failed" : "watching";
  return camera.state === "failed" ? "failed" : "quiet";
}

function words(camera, now) {
  if (!camera.recorded) return "saved by another program";
  switch (camera.state) {
    case "connected":
      if (camera.healthProblem) {
        const problem = camera.healthProblem.charAt(0).toLowerCase() + camera.healthProblem.slice(1);
        return `since ${time(camera.healthSince, now)} ${problem}`;
      }
      return camera.recording && camera.recordingSince !== null
        ? `recording since ${time(camera.recordingSince, now)}`
        : `watching since ${time(camera.since, now)}, nothing moves`;
    case "failed": {
      const problem = (camera.problem || "it does not answer").replace(/\.$/, "");
      return `no picture for ${duration((now - camera.since) / 1000)}: ${problem}`;
    }
    case "ended":
      return `the file was played to its end at ${time(camera.since, now)}`;
    case "starting":
      return "connecting …";
    default:
      return "not being watched: the recorder is stopped";
  }
}

async function picture(card, camera, now) {
  const latest = camera.latest;
  const image = card.querySelector("img");
  setHidden(card.querySelector(".no-picture"), latest !== null);
  const taken = card.querySelector(".taken");
  setHidden(taken, latest === null);
  if (!latest) {
    setHidden(image, true);
    card.querySelector(".boxes").replaceChildren();
    delete card.dataset.shown;
    return;
  }
  setText(taken, time(latest.taken, now, { seconds: true }));
  if (card.dataset.shown === latest.url) return;
  card.dataset.shown = latest.url;
  const address = `${latest.url}?inline`;
  const next = new Image();
  next.src = address;
  try {
    await next.decode(); // loaded before it is shown, so that the old one stays until then
  } catch {
    delete card.dataset.shown; // deleted meanwhile; the next round knows a newer one
    return;
  }
  if (card.dataset.shown !== latest.url) return;
  image.src = address;
  image.alt = `Newest image of ${camera.name}`;
  setHidden(image, false);
  setAttribute(card.querySelector(".picture"), "href", address);
  boxes(card.querySelector(".boxes"), latest, next);
}

function boxes(svg, latest, image) {
  const width = latest.width || image.naturalWidth;
  const height = latest.height || image.naturalHeight;
  setAttribute(svg, "viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...latest.boxes.map(([x, y, w, h]) => {
    const rect = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y, width: w, height: h, rx: width / 200 })) {
      rect.setAttribute(name, value);
    }
    return rect;
  }));
}
