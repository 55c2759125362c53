// A camera's newest picture in a .picture element: the newest image that was saved, with what moved in
// it drawn over it; and where nothing moves, what the camera sees, looked at now and then, as a server
// that decodes without end for a page that is left open would have nothing left for its cameras.

import { root } from "../api.js";
import { setAttribute, setHidden, setText } from "../dom.js";
import { time } from "../format.js";
import { t } from "../text.js";
import { onFirstUse } from "../use.js";

const SVG = "http://www.w3.org/2000/svg";
const LIVE_EVERY_MS = 10000;
const STEPS = [320, 640, 1280]; // widths that the server makes images in
const SHARP_AFTER_MS = 10_000;

// The first pictures are for plain screens; those for sharper ones, three times as heavy, come once
// somebody uses the page or stays.
let density = 1;
const sharpen = () => (density = devicePixelRatio);
onFirstUse(sharpen);
setTimeout(sharpen, SHARP_AFTER_MS);

// The newest of both, as somebody sees it who looks at several cameras.
export async function showNewest(picture, camera, now) {
  const isQuiet = camera.state === "connected" && !camera.recording;
  if (!isQuiet) {
    delete picture.dataset.seen;
    return showImage(picture, camera, now);
  }
  if (!picture.dataset.seen) await showImage(picture, camera, now);
  if (now - Number(picture.dataset.seen || 0) < LIVE_EVERY_MS) return undefined;
  picture.dataset.seen = now;
  const address = `${root}/cameras/${camera.id}/latest.jpg?at=${now}${sized(picture)}`;
  const next = await loaded(address);
  if (!next || picture.dataset.seen !== String(now)) return undefined;
  picture.dataset.shown = address;
  put(picture, next, camera.name);
  showTime(picture, now, now);
  picture.querySelector(".boxes").replaceChildren();
  return undefined;
}

// The newest image that was saved. It is shown once it is loaded, so that the old one stays until then.
export async function showImage(picture, camera, now) {
  const { latest, name } = camera;
  const image = picture.querySelector("img");
  const svg = picture.querySelector(".boxes");
  if (!latest) {
    setHidden(image, true);
    image.removeAttribute("src"); // a live stream would go on
    svg.replaceChildren();
    setHidden(picture.querySelector(".taken"), true);
    delete picture.dataset.shown;
    return;
  }
  const address = `${latest.url}?inline${sized(picture)}`;
  if (picture.dataset.shown === address) return;
  picture.dataset.shown = address;
  const next = await loaded(address);
  if (picture.dataset.shown !== address) return;
  if (!next) {
    delete picture.dataset.shown; // deleted meanwhile; the next round knows a newer one
    return;
  }
  put(picture, next, name);
  showTime(picture, latest.taken, now);
  boxes(svg, latest, next);
}

async function loaded(address) {
  const next = new Image();
  next.src = address;
  try {
    await next.decode();
    return next;
  } catch {
    return null;
  }
}

function put(picture, next, name) {
  const image = picture.querySelector("img");
  image.src = next.src;
  image.alt = t("now.newest", { name });
  setHidden(image, false);
}

function showTime(picture, taken, now) {
  const element = picture.querySelector(".taken");
  setText(element, time(taken, now, { seconds: true }));
  setHidden(element, false);
}

// As many pixels as it takes on the screen; the image itself where that is more than the largest step.
function sized(picture) {
  const wanted = Math.min(picture.clientWidth * density, 1920);
  const width = STEPS.find((step) => step >= wanted * 0.75);
  return width ? `&width=${width}` : "";
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
