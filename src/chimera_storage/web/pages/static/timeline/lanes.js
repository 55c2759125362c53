// The drawing of the day: a lane for each camera with how much there is when, its events and what is
// kept; above them the ruler with the chosen range, below the whole day in small. Two canvases: what
// changes with the data or the view, and what follows the hand. Nothing is drawn twice in a frame.

import { moment } from "../format.js";
import { colours, onColours } from "./colours.js";

export const RULER = 44;
export const OVERVIEW = 30;
const GAP = 6;
const BAR = 3; // pixels of a bar and the gap behind it
const MINUTE = 60_000;
const TICKS = [1000, 5000, 10_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 120 * MINUTE, 180 * MINUTE, 360 * MINUTE];

export class Lanes {
  // `look()` gives { footages, active, view, start, end, at, from, to, hover, now }.
  constructor(host, look) {
    this.host = host;
    this.look = look;
    [this.ground, this.overlay] = host.querySelectorAll("canvas");
    this.width = 0;
    this.stale = this.pending = false;
    new ResizeObserver(() => this.resize()).observe(host);
    onColours(() => this.redraw());
  }

  get laneHeight() {
    const lanes = Math.max(1, this.look().footages.length);
    const narrow = this.width < 600;
    if (lanes === 1) return narrow ? 84 : 104;
    return lanes === 2 ? (narrow ? 56 : 72) : narrow ? 44 : 52;
  }

  get height() {
    return RULER + this.look().footages.length * (this.laneHeight + GAP) + OVERVIEW + 4;
  }

  resize() {
    const width = this.host.clientWidth;
    const [ratio, height] = [devicePixelRatio || 1, (this.width = width, this.height)];
    this.host.style.height = `${height}px`;
    for (const canvas of [this.ground, this.overlay]) {
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    }
    this.redraw();
  }

  // Everything in the next frame; `touch`: only what follows the hand.
  redraw() {
    this.stale = true;
    this.touch();
  }

  touch() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      const seen = this.look();
      if (!this.width || seen.start === null) return;
      if (this.stale) this.drawGround(seen);
      this.stale = false;
      this.drawOverlay(seen);
    });
  }

  // places

  x(ms, [from, to] = this.look().view) {
    return ((ms - from) / (to - from)) * this.width;
  }

  ms(x, [from, to] = this.look().view) {
    return from + (x / this.width) * (to - from);
  }

  top(lane) {
    return RULER + lane * (this.laneHeight + GAP);
  }

  // Which part of the drawing a height belongs to: "ruler", "overview", or the number of a lane.
  part(y) {
    if (y < RULER) return "ruler";
    const lanes = this.look().footages.length;
    if (y > this.top(lanes)) return "overview";
    return Math.min(lanes - 1, Math.floor((y - RULER) / (this.laneHeight + GAP)));
  }

  // what changes with the data or the view

  drawGround(seen) {
    const pen = this.pen(this.ground);
    seen.footages.forEach((footage, lane) => this.drawLane(pen, seen, footage, lane));
    this.drawTicks(pen, seen);
    this.drawOverview(pen, seen);
  }

  drawLane(pen, { view, active, footages, start, end, now }, footage, lane) {
    const [top, height] = [this.top(lane), this.laneHeight];
    pen.fillStyle = colours.sunken;
    pen.beginPath();
    pen.roundRect(0, top, this.width, height, 6);
    pen.fill();
    if (!footage.day) return;
    const strong = footages.length === 1 || footage.camera === active;
    pen.globalAlpha = strong ? 1 : 0.6;
    const floor = top + height - 7;
    const room = height - 14;
    const step = ((view[1] - view[0]) / this.width) * BAR;
    const begin = Math.floor(view[0] / step) * step; // bars stay what they are while the view moves
    const bars = [];
    let most = 1;
    for (let ms = begin; ms < view[1]; ms += step) {
      const n = ms + step <= start || ms > end ? 0 : footage.count(ms, ms + step);
      bars.push(n);
      if (n > most) most = n;
    }
    pen.fillStyle = colours.accent;
    const scale = room / Math.sqrt(most);
    bars.forEach((n, i) => {
      if (!n) return;
      const high = Math.max(2, Math.sqrt(n) * scale);
      pen.fillRect(this.x(begin + i * step, view), floor - high, BAR - 1, high);
    });
    this.drawSpans(pen, view, footage.events, floor + 2, 3, colours.motion, Math.min(now, view[1]));
    this.drawSpans(pen, view, footage.kept, top, 3, colours.good, view[1]);
    pen.globalAlpha = 1;
    if (footages.length > 1) this.drawName(pen, footage.name, top, strong);
  }

  drawSpans(pen, view, spans, y, height, colour, open) {
    pen.fillStyle = colour;
    let last = -1;
    for (const { start, end } of spans) {
      const to = end ?? open;
      if (to < view[0] || start > view[1]) continue;
      const from = Math.max(this.x(start, view), last);
      const width = Math.max(this.x(to, view) - from, from > last ? 2 : 0);
      if (width <= 0) continue;
      pen.fillRect(from, y, width, height);
      last = from + width;
    }
  }

  drawName(pen, wholeName, top, strong) {
    pen.font = `${strong ? 600 : 400} 12px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    pen.textAlign = "start";
    const most = this.width / 3;
    let name = wholeName;
    let width = pen.measureText(name).width + 12;
    while (width > most && name.length > 2) {
      name = `${name.slice(0, -2).trimEnd()}…`;
      width = pen.measureText(name).width + 12;
    }
    pen.globalAlpha = 0.86;
    pen.fillStyle = colours.surface;
    pen.beginPath();
    pen.roundRect(5, top + 6, width, 19, 5);
    pen.fill();
    pen.globalAlpha = 1;
    pen.fillStyle = strong ? colours.text : colours.quiet;
    pen.fillText(name, 11, top + 16);
  }

  drawTicks(pen, { view, start, now, end }) {
    const wanted = ((view[1] - view[0]) / this.width) * (this.width < 600 ? 58 : 84);
    const every = TICKS.find((step) => step >= wanted) || TICKS.at(-1);
    const style = every < MINUTE ? "seconds" : "clock";
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = colours.quiet;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    const bottom = this.top(this.look().footages.length) - GAP;
    for (let ms = start + Math.ceil((view[0] - start) / every) * every; ms <= view[1] + 1; ms += every) {
      const x = Math.round(this.x(ms, view)) + 0.5;
      pen.beginPath();
      pen.moveTo(x, RULER - 6);
      pen.lineTo(x, bottom);
      pen.globalAlpha = 0.55;
      pen.stroke();
      pen.globalAlpha = 1;
      const text = moment(ms, style);
      const half = pen.measureText(text).width / 2;
      pen.textAlign = "center";
      pen.fillText(text, Math.min(Math.max(x, half + 1), this.width - half - 1), RULER - 11);
    }
    if (now > start && now < end && now < view[1]) { // what is still to come
      const x = Math.max(0, this.x(now, view));
      pen.globalAlpha = 0.5;
      pen.fillStyle = colours.surface;
      pen.fillRect(x, RULER, this.width - x, bottom - RULER);
      pen.globalAlpha = 1;
    }
  }

  drawOverview(pen, { footages, start, end, view }) {
    const top = this.height - OVERVIEW;
    const whole = [start, end];
    pen.fillStyle = colours.sunken;
    pen.beginPath();
    pen.roundRect(0, top, this.width, OVERVIEW, 6);
    pen.fill();
    const step = ((end - start) / this.width) * 2;
    const counts = [];
    for (let ms = start; ms < end; ms += step) {
      counts.push(footages.reduce((sum, footage) => sum + (footage.day?.count(ms, ms + step) || 0), 0));
    }
    const most = Math.sqrt(Math.max(1, ...counts));
    pen.fillStyle = colours.quiet;
    pen.globalAlpha = 0.6;
    counts.forEach((n, i) => {
      const high = n ? Math.max(1, (Math.sqrt(n) / most) * (OVERVIEW - 8)) : 0;
      pen.fillRect(i * 2, top + OVERVIEW - 3 - high, 1.5, high);
    });
    pen.globalAlpha = 1;
    if (view[0] <= start && view[1] >= end) return;
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 1.5;
    const [a, b] = [this.x(view[0], whole), this.x(view[1], whole)];
    pen.fillStyle = colours.accent;
    pen.globalAlpha = 0.1;
    pen.fillRect(a, top, b - a, OVERVIEW);
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.roundRect(a + 0.75, top + 0.75, Math.max(4, b - a - 1.5), OVERVIEW - 1.5, 5);
    pen.stroke();
  }

  // what follows the hand

  drawOverlay({ view, at, from, to, hover, footages, active, start, end }) {
    const pen = this.pen(this.overlay);
    const bottom = this.top(footages.length) - GAP;
    if (from !== null) {
      const [a, b] = [this.x(from, view), this.x(to, view)];
      pen.fillStyle = colours.accent;
      pen.globalAlpha = 0.16;
      pen.fillRect(a, RULER, b - a, bottom - RULER);
      pen.globalAlpha = 1;
      pen.fillRect(a, RULER - 4, Math.max(1, b - a), 4);
      for (const [x, side] of [[a, -1], [b, 1]]) this.drawHandle(pen, x, side, bottom);
      const [oa, ob] = [from, to].map((ms) => this.x(ms, [start, end]));
      pen.fillRect(oa, this.height - OVERVIEW, Math.max(2, ob - oa), 3);
    }
    if (footages.length > 1) {
      const lane = footages.findIndex((footage) => footage.camera === active);
      pen.strokeStyle = colours.accent;
      pen.lineWidth = 1.5;
      if (lane >= 0) {
        pen.beginPath();
        pen.roundRect(0.75, this.top(lane) + 0.75, this.width - 1.5, this.laneHeight - 1.5, 6);
        pen.stroke();
      }
    }
    if (hover !== null) this.drawLine(pen, this.x(hover, view), bottom, colours.quiet, 0.6, 1);
    if (at === null) return;
    const x = this.x(at, view);
    this.drawLine(pen, x, bottom, colours.text, 1, 2);
    this.drawLine(pen, this.x(at, [start, end]), this.height, colours.text, 1, 1.5, this.height - OVERVIEW);
    pen.fillStyle = colours.text;
    pen.beginPath();
    pen.arc(x, RULER, 5, 0, 7);
    pen.fill();
    this.drawTime(pen, at, x);
  }

  drawTime(pen, at, x) {
    const text = moment(at, "seconds");
    pen.font = "600 12px system-ui, sans-serif";
    const width = pen.measureText(text).width + 12;
    const left = Math.min(Math.max(x - width / 2, 0), this.width - width);
    pen.beginPath();
    pen.roundRect(left, 1, width, 19, 5);
    pen.fill();
    pen.fillStyle = colours.surface;
    pen.textAlign = "start";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 6, 11);
  }

  drawLine(pen, x, bottom, colour, alpha, width, top = RULER) {
    pen.globalAlpha = alpha;
    pen.fillStyle = colour;
    pen.fillRect(x - width / 2, top, width, bottom - top);
    pen.globalAlpha = 1;
  }

  drawHandle(pen, x, side, bottom) {
    pen.fillStyle = colours.accent;
    pen.fillRect(x - 1, RULER - 4, 2, bottom - RULER + 4);
    pen.beginPath();
    pen.roundRect(side < 0 ? x - 11 : x - 1, RULER - 20, 12, 20, side < 0 ? [6, 0, 0, 6] : [0, 6, 6, 0]);
    pen.fill();
    pen.fillStyle = colours.surface;
    const middle = x + side * 5;
    for (const dx of [-1.5, 1.5]) pen.fillRect(middle + dx - 0.5, RULER - 14, 1, 8);
  }

  pen(canvas) {
    const pen = canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    return pen;
  }
}
