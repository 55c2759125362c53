// Mouse, touch and keyboard on the drawing: dragging in the lanes scrubs, in the ruler it chooses a
// range, in the small day it moves the view; two fingers, or the wheel with Ctrl, zoom.

const HANDLE = { mouse: 9, pen: 14, touch: 22 };
const LEAST_VIEW_MS = 20_000;
const WHEEL = 0.0025;

export class Hand {
  // `does`: scrub(ms, lane), rest(), hover(ms | null, lane), range(from, to, done), view(from, to, done), key(event).
  constructor(lanes, look, does) {
    Object.assign(this, { lanes, look, does });
    this.fingers = new Map();
    this.drag = null;
    const host = lanes.host;
    host.addEventListener("pointerdown", (event) => this.down(event));
    host.addEventListener("pointermove", (event) => this.move(event));
    host.addEventListener("pointerup", (event) => this.up(event));
    host.addEventListener("pointercancel", (event) => this.up(event));
    host.addEventListener("pointerleave", () => does.hover(null, null));
    host.addEventListener("dblclick", (event) => this.zoom(0.25, this.ms(event), true));
    host.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  place(event) {
    const box = this.lanes.host.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  ms(event) {
    const { start, end } = this.look();
    return Math.min(Math.max(this.lanes.ms(this.place(event).x), start), end);
  }

  down(event) {
    if (event.button !== 0 || this.look().start === null) return;
    this.fingers.set(event.pointerId, this.place(event));
    this.lanes.host.setPointerCapture(event.pointerId);
    if (this.fingers.size === 2) {
      this.pinch = { spread: this.spread(), view: [...this.look().view], middle: this.ms(event) };
      this.drag = null;
      return;
    }
    const { x, y } = this.place(event);
    const part = this.lanes.part(y);
    const handle = this.handleAt(x, y, event.pointerType);
    if (part === "overview") this.drag = { kind: "view", grip: this.grip(x) };
    else if (handle) this.drag = { kind: "range", anchor: handle };
    else if (part === "ruler" || event.shiftKey) this.drag = { kind: "new", anchor: this.ms(event), x };
    else this.drag = { kind: "scrub", lane: part };
    this.go(event);
  }

  move(event) {
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, this.place(event));
    if (this.pinch && this.fingers.size === 2) {
      const factor = this.pinch.spread / Math.max(20, this.spread());
      this.zoomView(this.pinch.view, factor, this.pinch.middle, false);
      return;
    }
    if (this.drag) {
      const events = event.getCoalescedEvents?.() || [];
      this.go(events.at(-1) || event);
      return;
    }
    if (event.pointerType !== "mouse" || this.look().start === null) return;
    const { x, y } = this.place(event);
    const part = this.lanes.part(y);
    const handle = this.handleAt(x, y, "mouse");
    this.lanes.host.style.cursor = handle ? "ew-resize" : part === "ruler" ? "text" : part === "overview" ? "grab" : "crosshair";
    this.does.hover(part === "overview" ? null : this.ms(event), typeof part === "number" ? part : null);
  }

  go(event) {
    const { drag } = this;
    if (drag.kind === "scrub") this.does.scrub(this.ms(event), drag.lane);
    else if (drag.kind === "view") this.slide(this.place(event).x - drag.grip);
    else if (drag.kind === "range" || Math.abs(this.place(event).x - drag.x) > 4) {
      drag.kind = "range";
      const [one, other] = [drag.anchor, this.ms(event)];
      this.does.range(Math.min(one, other), Math.max(one, other), false);
    }
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    if (this.pinch) {
      if (!this.fingers.size) {
        this.pinch = null;
        this.does.view(...this.look().view, true);
      }
      return;
    }
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "new") {
      this.does.scrub(this.ms(event), null); // a press without dragging
      this.does.rest();
    } else if (drag.kind === "range") this.does.range(this.look().from, this.look().to, true);
    else if (drag.kind === "scrub") this.does.rest();
    else this.does.view(...this.look().view, true);
  }

  // The moment at the other end of the range where its handle is under the pointer.
  handleAt(x, y, kind) {
    const { from, to } = this.look();
    if (from === null || this.lanes.part(y) !== "ruler") return null;
    const near = HANDLE[kind] || HANDLE.touch;
    const [a, b] = [this.lanes.x(from) - 5, this.lanes.x(to) + 5];
    const [da, db] = [Math.abs(x - a), Math.abs(x - b)];
    if (Math.min(da, db) > near) return null;
    return da < db ? to : from;
  }

  grip(x) {
    const { view, start, end } = this.look();
    const [a, b] = view.map((ms) => this.lanes.x(ms, [start, end]));
    return x >= a && x <= b ? x - a : (b - a) / 2;
  }

  slide(x) {
    const { view, start, end } = this.look();
    this.pan(start + (x / this.lanes.width) * (end - start) - view[0], false);
  }

  pan(by, done = true) {
    const { view, start, end } = this.look();
    const length = view[1] - view[0];
    const from = Math.min(Math.max(view[0] + by, start), end - length);
    this.does.view(from, from + length, done);
  }

  wheel(event) {
    if (this.look().start === null) return;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey) {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * WHEEL * (event.deltaMode ? 16 : 1)), this.ms(event), true);
    } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      event.preventDefault();
      const { view } = this.look();
      this.pan((sideways / this.lanes.width) * (view[1] - view[0]));
    }
  }

  zoom(factor, around, done = true) {
    this.zoomView(this.look().view, factor, around, done);
  }

  zoomView([from, to], factor, around, done) {
    const { start, end } = this.look();
    const length = Math.min(Math.max((to - from) * factor, LEAST_VIEW_MS), end - start);
    const share = (around - from) / (to - from);
    const begin = Math.min(Math.max(around - share * length, start), end - length);
    this.does.view(begin, begin + length, done);
  }

  spread() {
    const [one, other] = [...this.fingers.values()];
    return Math.abs(one.x - other.x);
  }
}
