// One camera's footage of the day: how much there is when, its events, and which images there are,
// of which only the parts that are looked at are loaded.

import { get, root } from "../api.js";

const CHUNK_MS = 600_000; // of the images' list
const MOST_CHUNKS = 40;
const STEPS_S = [1, 2, 5, 10, 20, 30];
const FINE_PARTS = 1500;
const GROWS_BACK_MS = 120_000;

// Sums from the begin, so that any stretch of parts is counted by one subtraction.
class Parts {
  constructor(start, everyS, counts) {
    this.start = start;
    this.everyMs = everyS * 1000;
    this.counts = counts;
    this.end = start + counts.length * this.everyMs;
    this.sum();
  }

  sum() {
    this.sums = new Uint32Array(this.counts.length + 1);
    this.counts.forEach((n, i) => (this.sums[i + 1] = this.sums[i] + n));
  }

  covers(from, to) {
    return from >= this.start && to <= this.end;
  }

  count(from, to) {
    const place = (ms) => Math.min(Math.max(Math.floor((ms - this.start) / this.everyMs), 0), this.counts.length);
    return this.sums[place(to)] - this.sums[place(from)];
  }
}

export class Footage {
  constructor(camera, name) {
    this.camera = camera;
    this.name = name;
    this.clear();
  }

  clear() {
    this.day = null; // Parts of a minute
    this.fine = null; // finer Parts of what is looked at
    this.events = [];
    this.kept = [];
    this.images = 0;
    this.bytes = 0;
    this.more = false;
    this.chunks = new Map();
    this.asking = new Map();
    this.generation = (this.generation || 0) + 1;
  }

  route(kind, from, to, more = "") {
    return `/timeline/${kind}?camera=${this.camera}&start=${from}&end=${to}${more}`;
  }

  // The whole day; `end` is its last millisecond.
  async load(date) {
    this.clear();
    const generation = this.generation;
    const found = await get(this.route("activity", date, date));
    if (generation !== this.generation) return null;
    this.begin(found);
    return found;
  }

  begin(found) {
    this.day = new Parts(found.start, found.every, found.counts);
    this.end = found.end;
    this.events = this.kept = [];
    this.take(found, found.start);
    this.images = found.images;
    this.bytes = found.bytes;
  }

  // The whole day anew where images of it are gone meanwhile; true then.
  async shrink() {
    if (!this.images) return false;
    const generation = this.generation;
    const found = await get(this.route("activity", this.day.start, this.end));
    if (generation !== this.generation || found.images >= this.images) return false;
    this.generation += 1; // what is on its way is of before
    this.chunks.clear();
    this.asking.clear();
    this.fine = null;
    this.begin(found);
    return true;
  }

  // What came since: from two minutes before the last image on. True where something did.
  async grow() {
    if (!this.day) return false;
    const generation = this.generation;
    const newest = this.newestPart();
    const back = Math.max(this.day.start, newest - GROWS_BACK_MS);
    const found = await get(this.route("activity", back, this.end));
    if (generation !== this.generation) return false;
    const first = (back - this.day.start) / this.day.everyMs;
    let begun = null;
    found.counts.forEach((n, i) => {
      if (this.day.counts[first + i] !== n && begun === null) begun = first + i;
      this.day.counts[first + i] = n;
    });
    const before = JSON.stringify([this.events.at(-1), this.kept]);
    this.take(found, back);
    if (begun === null) return before !== JSON.stringify([this.events.at(-1), this.kept]);
    this.day.sum();
    this.fine = null;
    this.images = this.day.sums.at(-1);
    const from = this.day.start + begun * this.day.everyMs;
    for (const start of this.chunks.keys()) if (start + CHUNK_MS > from) this.chunks.delete(start);
    return true;
  }

  take(found, from) {
    const { after, lasts, images, score, best, number, urls } = found.events;
    let begin = Math.floor(found.start / 1000);
    const listed = after.map((seconds, i) => {
      begin += seconds;
      return {
        camera: this.camera,
        start: begin * 1000,
        end: lasts[i] === null ? null : (begin + lasts[i]) * 1000 + 999,
        images: images[i],
        score: score[i],
        at: (begin + (best[i] ?? 0)) * 1000,
        url: best[i] === null ? null : urls[i] || this.url(begin + best[i], number[i]),
      };
    }).filter((event) => event.images > 0 || event.end === null); // else its images were deleted
    const first = listed.length ? listed[0].start : from;
    this.events = this.events.filter((event) => event.start < first && event.start < from).concat(listed);
    const kept = this.kept.filter((span) => span.end < from);
    this.kept = kept.concat(found.kept);
    this.more = found.more;
  }

  newestPart() {
    let place = this.day.counts.length - 1;
    while (place > 0 && !this.day.counts[place]) place -= 1;
    return this.day.start + place * this.day.everyMs;
  }

  // Finer parts of a view of less than six hours or so; true where there are others now.
  async refine(from, to) {
    const every = STEPS_S.find((step) => (to - from) / 1000 / step <= FINE_PARTS / 3);
    if (every === undefined || !this.day) return false;
    if (this.fine?.everyMs === every * 1000 && this.fine.covers(Math.max(from, this.day.start), Math.min(to, this.day.end))) return false;
    const aligned = (ms) => this.day.start + Math.round((ms - this.day.start) / 1000 / every) * every * 1000;
    const begin = Math.max(this.day.start, aligned(from - (to - from)));
    const last = Math.min(this.end, aligned(to + (to - from)));
    const generation = this.generation;
    const found = await get(this.route("activity", begin, last - 1, `&every=${every}`));
    if (generation !== this.generation) return false;
    this.fine = new Parts(begin, every, found.counts);
    return true;
  }

  // About how many images there are between two moments, by the finest parts that are known.
  count(from, to) {
    if (!this.day) return 0;
    return (this.fine?.covers(from, to) ? this.fine : this.day).count(from, to);
  }

  // The address of an image in its hour's folder (docs/storage.md).
  url(second, number) {
    const [date, time] = new Date(second * 1000).toISOString().split("T");
    const day = date.replaceAll("-", "");
    const clock = time.slice(0, 8).replaceAll(":", "");
    const name = `${day}-${clock}-${String(number).padStart(2, "0")}.jpg`;
    return `${root}/shared/captures/${this.camera}/${day}/${clock.slice(0, 2)}/${name}`;
  }

  // The image that was taken nearest to a moment, or null where the camera has none that day.
  async find(at) {
    const [before, after] = await Promise.all([this.edge(at, -1), this.edge(at, 1)]);
    return nearer(at, before, after);
  }

  // The same of what is loaded already; undefined where that cannot be told.
  known(at) {
    const found = [];
    for (const way of [-1, 1]) {
      const place = this.partTowards(at, way);
      const chunk = place === null ? [] : this.chunks.get(this.chunkStart(place));
      if (!chunk) return undefined;
      found.push(within(chunk, at, way) ?? null);
    }
    return nearer(at, ...found);
  }

  // The last image at or before a moment (way -1), or the first after it (1).
  async edge(at, way) {
    let ask = at;
    for (let tries = 0; tries < 3; tries += 1) {
      const part = this.partTowards(ask, way);
      if (part === null) return null;
      const chunk = await this.chunk(this.chunkStart(part));
      const image = within(chunk, at, way);
      if (image) return image;
      // The part's images lie on the other side of the moment: go on with the next part.
      ask = way < 0 ? part - 1 : part + this.day.everyMs;
    }
    return null;
  }

  // The begin of the nearest part with images, from the one of `at` on.
  partTowards(at, way) {
    if (!this.day) return null;
    const { counts, start, everyMs } = this.day;
    let place = Math.min(Math.max(Math.floor((at - start) / everyMs), 0), counts.length - 1);
    const own = start + place * everyMs;
    const ownChunk = counts[place] ? this.chunks.get(this.chunkStart(own)) : null;
    if (counts[place] && !(ownChunk && !within(ownChunk, at, way))) return own;
    do place += way;
    while (place >= 0 && place < counts.length && !counts[place]);
    return place < 0 || place >= counts.length ? null : start + place * everyMs;
  }

  async step(image, way) {
    return way < 0 ? this.edge(image.at - 1, -1) : this.edge(image.at, 1);
  }

  chunkStart(at) {
    return this.day.start + Math.floor((at - this.day.start) / CHUNK_MS) * CHUNK_MS;
  }

  // The images of ten minutes: [{camera, at, url, score}, …].
  async chunk(start) {
    const known = this.chunks.get(start);
    if (known) return known;
    if (!this.asking.has(start)) {
      const generation = this.generation;
      const asked = get(this.route("images", start, Math.min(this.end, start + CHUNK_MS - 1), "&limit=20000"))
        .then((found) => {
          const images = found.taken.map((taken, i) => ({
            camera: this.camera,
            at: found.start + taken,
            url: found.urls[i] || this.url(Math.floor((found.start + taken) / 1000), found.number[i]),
            score: found.score[i],
          }));
          if (generation === this.generation) {
            this.chunks.set(start, images);
            while (this.chunks.size > MOST_CHUNKS) this.chunks.delete(this.chunks.keys().next().value);
          }
          return images;
        })
        .finally(() => this.asking.delete(start));
      this.asking.set(start, asked);
    }
    return this.asking.get(start);
  }
}

function within(images, at, way) {
  let [low, high] = [0, images.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (images[middle].at <= at) low = middle + 1;
    else high = middle;
  }
  return way < 0 ? images[low - 1] : images[low];
}

function nearer(at, before, after) {
  if (!before || !after) return before || after || null;
  return at - before.at <= after.at - at ? before : after;
}
