// Pictures of images: a sheet of small ones of what is looked at, for scrubbing, and single ones,
// decoded beside the page's thread and remembered while they are likely to be shown again.

import { post } from "../api.js";

const MOST_PIXELS = 50e6; // of all that are remembered: 200 MB
const IN_SHEET = 100;
const AT_ONCE = 6;

const ready = new Map(); // address → ImageBitmap, the latest used last
const loading = new Map(); // address → promise
const waiting = [];
let busy = 0;
let pixels = 0;

// The address of an image in a width (0: as it is).
export const sized = (image, width) => image.url + (width ? `?width=${width}` : "?inline");

export function remembered(address) {
  const picture = ready.get(address);
  if (picture) {
    ready.delete(address);
    ready.set(address, picture);
  }
  return picture;
}

// The decoded picture; null where it is gone or broken. `wanted()` is asked once its turn comes.
export function load(address, wanted = () => true) {
  const picture = remembered(address);
  if (picture) return Promise.resolve(picture);
  if (!loading.has(address)) {
    loading.set(address, new Promise((resolve) => {
      waiting.push({ address, wanted, resolve });
      next();
    }).finally(() => loading.delete(address)));
  }
  return loading.get(address);
}

async function next() {
  if (busy >= AT_ONCE || !waiting.length) return;
  const { address, wanted, resolve } = waiting.shift();
  if (!wanted()) {
    resolve(null);
    next();
    return;
  }
  busy += 1;
  const picture = await fetched(address);
  if (picture) remember(address, picture);
  resolve(picture);
  busy -= 1;
  next();
}

function remember(address, picture) {
  ready.set(address, picture);
  pixels += picture.width * picture.height;
  for (const [old, bitmap] of ready) {
    if (pixels <= MOST_PIXELS || old === address) break;
    ready.delete(old);
    pixels -= bitmap.width * bitmap.height;
    bitmap.close();
  }
}

// Not remembered: it is the caller's to close. Null where it is gone or broken.
export async function fetched(address) {
  try {
    const response = await fetch(address);
    return response.ok ? await createImageBitmap(await response.blob()) : null;
  } catch {
    return null; // no answer, or no picture
  }
}

// A sheet of small pictures, evenly spread over the images of a stretch of time.
export class Sheet {
  constructor(camera) {
    this.camera = camera;
    this.clear();
  }

  clear() {
    this.bitmap?.close();
    this.bitmap = null;
    this.taken = [];
    this.places = [];
    this.from = this.to = this.asked = null;
  }

  // Asks for another where this one does not show the stretch well.
  async want(from, to) {
    const key = `${Math.round(from / 1000)}-${Math.round(to / 1000)}`;
    if (this.asked === key) return false;
    this.asked = key;
    const body = { camera: this.camera, start: Math.floor(from), end: Math.floor(to), frames: IN_SHEET, sprite: true };
    try {
      const { sprite } = await post("/convert/listFramesVideo", body);
      if (!sprite || this.asked !== key) return false;
      const response = await fetch(sprite.url);
      const bitmap = response.ok ? await createImageBitmap(await response.blob()) : null;
      if (this.asked !== key || !bitmap) return false;
      this.bitmap?.close();
      Object.assign(this, { bitmap, taken: sprite.taken, places: sprite.places, from, to });
      return true;
    } catch {
      this.asked = null;
      return false;
    }
  }

  // { at, x, y, w, h } of the picture nearest to a moment, or null.
  cell(at) {
    if (!this.bitmap || !this.taken.length) return null;
    let [low, high] = [0, this.taken.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.taken[middle] <= at) low = middle;
      else high = middle - 1;
    }
    const after = Math.min(low + 1, this.taken.length - 1);
    const place = Math.abs(this.taken[after] - at) < Math.abs(this.taken[low] - at) ? after : low;
    if (!this.places[place]) return null;
    const [x, y, w, h] = this.places[place];
    return { at: this.taken[place], x, y, w, h };
  }
}
