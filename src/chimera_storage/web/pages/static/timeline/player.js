// Plays images in the page, each of them once, at 1 to 60 a second: fetched and decoded ahead. Where
// they do not come fast enough it is slower, and says so; none is left out.

import { fetched, sized } from "./pictures.js";

const AHEAD = { 0: 16, 640: 60 }; // pictures by their width: what they take in memory
const AT_ONCE = 6;

export class Player {
  // `show(image, picture)`, `ended()`, `pace(fps really reached)`.
  constructor({ show, ended, pace }) {
    Object.assign(this, { show, ended, pace });
    this.playing = false;
    this.fps = 10;
  }

  // From the image on (which is shown already) to the moment `until`.
  start(footage, image, until, width) {
    this.stop();
    this.playing = true;
    this.run = { footage, last: image, until, width, ahead: [], over: false, filling: false, loading: 0 };
    this.due = performance.now();
    this.times = [];
    const run = this.run;
    this.fill(run);
    const tick = (now) => {
      if (run !== this.run) return;
      this.tick(run, now);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  stop() {
    if (!this.run) return;
    for (const entry of this.run.ahead) entry.picture?.close();
    this.shown?.close();
    this.shown = this.run = null;
    this.playing = false;
  }

  tick(run, now) {
    if (now < this.due - 2) return;
    const [entry] = run.ahead;
    if (!entry) {
      if (run.over) this.end();
      else this.due = now;
      return;
    }
    if (!entry.done) {
      this.due = now; // not there yet: everything after it is later too
      return;
    }
    run.ahead.shift();
    if (entry.picture) {
      this.show(entry.image, entry.picture);
      this.shown?.close();
      this.shown = entry.picture;
      this.measure(now);
    }
    this.due = Math.max(this.due + 1000 / this.fps, now - 1000 / this.fps);
    this.fill(run);
  }

  end() {
    const last = this.run.last;
    this.run = null;
    this.playing = false;
    this.ended(last);
    this.shown?.close();
    this.shown = null;
  }

  measure(now) {
    this.times.push(now);
    while (now - this.times[0] > 2000) this.times.shift();
    if (this.times.length > 3) this.pace(((this.times.length - 1) * 1000) / (now - this.times[0]));
  }

  async fill(run) {
    if (run.filling) return;
    run.filling = true;
    const most = Math.min(AHEAD[run.width], Math.max(8, this.fps * 2));
    while (run === this.run && !run.over && run.ahead.length < most && run.loading < AT_ONCE) {
      const image = await run.footage.step(run.last, 1).catch(() => null);
      if (run !== this.run) return;
      if (!image || image.at > run.until) run.over = true;
      else {
        run.last = image;
        this.fetch(run, image);
      }
    }
    run.filling = false;
  }

  async fetch(run, image) {
    const entry = { image, picture: null, done: false };
    run.ahead.push(entry);
    run.loading += 1;
    entry.picture = await fetched(sized(image, run.width));
    entry.done = true;
    run.loading -= 1;
    if (run === this.run) this.fill(run);
    else entry.picture?.close();
  }
}
