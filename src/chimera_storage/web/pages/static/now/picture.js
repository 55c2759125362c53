// A camera's newest image in a .picture element, with what moved in it drawn over it.

import { setAttribute, setHidden, setText } from "../dom.js";
import { time } from "../format.js";
import { t } from "../text.js";

const SVG = "http://www.w3.org/2000/svg";
const STEPS = [320, 640, 1280]; // widths that the server makes images in

export function showTaken(element, latest, now) {
  setHidden(element, latest === null);
  if (latest) setText(element, time(latest.taken, now, { seconds: true }));
}

// Shown once it is loaded, so that the old one stays until then.
export async function showImage(picture, camera) {
  const { latest, name } = camera;
  const image = picture.querySelector("img");
  const svg = picture.querySelector(".boxes");
  if (!latest) {
    setHidden(image, true);
    svg.replaceChildren();
    delete picture.dataset.shown;
    return;
  }
  if (picture.dataset.shown === latest.url) return;
  picture.dataset.shown = latest.url;
  const next = new Image();
  next.src = `${latest.url}?inline${sized(picture)}`;
  try {
    await next.decode();
  } catch {
    delete picture.dataset.shown; // deleted meanwhile; the next round knows a newer one
    return;
  }
  if (picture.dataset.shown !== latest.url) return;
  image.src = next.src;
  image.alt = t("now.newest", { name });
  setHidden(image, false);
  boxes(svg, latest, next);
}

// As many pixels as it takes on the screen; the image itself where that is more than the largest step.
function sized(picture) {
  const wanted = Math.min(picture.clientWidth * devicePixelRatio, 1920);
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
