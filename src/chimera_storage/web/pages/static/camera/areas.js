// Zones and masks drawn on the picture: by mouse and touch, and by keyboard corner by corner. Corners
// are shares of width and height, as in storage.toml.

import { icon } from "../dom.js";
import { percent } from "../format.js";
import { t } from "../text.js";

const SVG = "http://www.w3.org/2000/svg";
const FIRST = [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]];
const FIRST_THRESHOLD = 0.005;
const MOST_CORNERS = 100;
const DIGITS = 1e4;
const [HIT_PX, DOT_PX, MIDDLE_PX] = [20, 8, 5];
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const tidy = (value) => Math.round(Math.min(1, Math.max(0, value)) * DIGITS) / DIGITS;

function make(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function startAreas(svg, list, changed) {
  let motion = { zone: [], mask: [] };
  let chosen = null; // one of the areas of `motion`
  let [width, height] = [1600, 900];

  const all = () => [
    ...motion.zone.map((area, index) => ({ area, kind: "zone", index })),
    ...motion.mask.map((area, index) => ({ area, kind: "mask", index })),
  ];
  const perPixel = () => width / (svg.getBoundingClientRect().width || width);
  const place = ([x, y]) => [x * width, y * height];

  function shareAt(event) {
    const box = svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function draw(focus = null) {
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    // The chosen one is drawn last, so that no other lies over its corners.
    const order = all().sort((a, b) => (a.area === chosen) - (b.area === chosen));
    svg.replaceChildren(...order.map(({ area, kind, index }) => group(area, kind, index)));
    if (focus !== null) svg.querySelector(`[data-corner="${focus}"]`)?.focus();
  }

  function group(area, kind, index) {
    const points = area.polygon.map((corner) => place(corner).join()).join(" ");
    const polygon = make("polygon", { points });
    polygon.append(make("title", {}, title(kind, index)));
    const of = make("g", { class: area === chosen ? `${kind} chosen` : kind }, polygon);
    polygon.addEventListener("pointerdown", (event) => (area === chosen ? dragAll(event, area) : choose(area)));
    if (area === chosen) {
      area.polygon.forEach((corner, n) => of.append(middle(area, n)));
      area.polygon.forEach((corner, n) => of.append(handle(area, n)));
    }
    return of;
  }

  function knob(at, radius, className, label) {
    const [cx, cy] = place(at);
    const scale = perPixel();
    return make(
      "g",
      { class: className, tabindex: 0, role: "button", "aria-label": label },
      make("circle", { class: "hit", cx, cy, r: HIT_PX * scale }),
      make("circle", { class: "dot", cx, cy, r: radius * scale }),
    );
  }

  function handle(area, n) {
    const [x, y] = area.polygon[n];
    const label = t("camera.corner", { number: n + 1, x: percent(x), y: percent(y) });
    const corner = knob([x, y], DOT_PX, "corner", label);
    corner.dataset.corner = n;
    corner.addEventListener("pointerdown", (event) => dragCorner(event, area, n));
    corner.addEventListener("keydown", (event) => {
      if (MOVES[event.key]) {
        const step = event.shiftKey ? 0.002 : 0.01;
        move(area, n, [x + MOVES[event.key][0] * step, y + MOVES[event.key][1] * step]);
      } else if (["Delete", "Backspace"].includes(event.key) && area.polygon.length > 3) {
        area.polygon.splice(n, 1);
      } else return;
      event.preventDefault();
      draw(Math.min(n, area.polygon.length - 1));
      changed();
    });
    return corner;
  }

  function middle(area, n) {
    const next = (n + 1) % area.polygon.length;
    const at = [0, 1].map((axis) => (area.polygon[n][axis] + area.polygon[next][axis]) / 2);
    const between = knob(at, MIDDLE_PX, "corner middle", t("camera.new_corner", { first: n + 1, second: next + 1 }));
    const insert = () => {
      if (area.polygon.length >= MOST_CORNERS) return false;
      area.polygon.splice(n + 1, 0, at.map(tidy));
      draw(n + 1);
      changed();
      return true;
    };
    between.addEventListener("pointerdown", (event) => insert() && dragCorner(event, area, n + 1));
    between.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      insert();
    });
    return between;
  }

  function move(area, n, [x, y]) {
    area.polygon[n] = [tidy(x), tidy(y)];
  }

  // Until the finger or button is lifted; the whole is drawn anew, so the window listens.
  function drag(event, step) {
    event.preventDefault();
    const from = shareAt(event);
    const onMove = (at) => {
      const [x, y] = shareAt(at);
      step([x, y], [x - from[0], y - from[1]]);
      draw();
      changed();
    };
    const end = () => {
      removeEventListener("pointermove", onMove);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", onMove);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  function dragCorner(event, area, n) {
    draw(n);
    drag(event, (at) => move(area, n, at));
  }

  function dragAll(event, area) {
    const before = area.polygon.map((corner) => [...corner]);
    const least = [0, 1].map((axis) => -Math.min(...before.map((corner) => corner[axis])));
    const most = [0, 1].map((axis) => 1 - Math.max(...before.map((corner) => corner[axis])));
    drag(event, (_, by) => {
      const shift = by.map((value, axis) => Math.min(most[axis], Math.max(least[axis], value)));
      before.forEach(([x, y], n) => move(area, n, [x + shift[0], y + shift[1]]));
    });
  }

  function choose(area, focus = null) {
    chosen = area;
    draw(focus);
    drawList();
  }

  function remove(kind, index) {
    const [gone] = motion[kind].splice(index, 1);
    if (gone === chosen) chosen = null;
    draw();
    drawList();
    changed();
    (list.querySelector("button") || document.getElementById(`add-${kind}`)).focus();
  }

  const title = (kind, index) => t(`camera.${kind}_number`, { number: index + 1 });

  function drawList() {
    list.replaceChildren(...all().map(({ area, kind, index }) => row(area, kind, index)));
  }

  function row(area, kind, index) {
    const item = document.createElement("li");
    item.className = area === chosen ? `${kind} chosen` : kind;
    const head = document.createElement("div");
    head.className = "area-head";
    const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
    const name = Object.assign(document.createElement("button"), { type: "button", className: "button plain choose" });
    name.textContent = title(kind, index);
    name.setAttribute("aria-expanded", area === chosen);
    name.addEventListener("click", () => {
      choose(area === chosen ? null : area);
      list.children[all().findIndex((one) => one.area === area)].querySelector(".choose").focus();
    });
    const away = Object.assign(document.createElement("button"), { type: "button", className: "button plain square" });
    away.setAttribute("aria-label", t("camera.remove_area", { name: title(kind, index) }));
    away.append(icon("delete"));
    away.addEventListener("click", () => remove(kind, index));
    head.append(swatch, name, away);
    item.append(head);
    if (area === chosen) item.append(fieldsOf(area, kind));
    return item;
  }

  function fieldsOf(area, kind) {
    const form = Object.assign(document.createElement("div"), { className: "form" });
    if (kind === "zone") {
      const field = input(t("camera.zone_threshold"), { type: "number", min: 0.001, max: 100, step: "any", value: Number((area.threshold * 100).toPrecision(6)) });
      field.input.addEventListener("input", () => {
        if (!field.input.validity.valid || !field.input.value) return;
        area.threshold = Number((field.input.value / 100).toPrecision(6));
        changed();
      });
      form.append(field.label);
    }
    const hours = input(t("camera.hours"), { pattern: "([01]\\d|2[0-3]):[0-5]\\d-([01]\\d|2[0-4]):[0-5]\\d", placeholder: "22:00-06:00", value: area.hours, maxLength: 11 });
    hours.input.addEventListener("input", () => {
      area.hours = hours.input.value.trim();
      changed();
    });
    form.append(hours.label);
    return form;
  }

  function input(text, properties) {
    const label = Object.assign(document.createElement("label"), { className: "field" });
    const field = Object.assign(document.createElement("input"), properties);
    label.append(text, field);
    return { label, input: field };
  }

  new ResizeObserver(() => document.activeElement?.closest(".areas") || draw()).observe(svg);
  return {
    show(next) {
      motion = next;
      chosen = null;
      draw();
      drawList();
    },
    add(kind) {
      const area = { polygon: FIRST.map((corner) => [...corner]), hours: "" };
      if (kind === "zone") area.threshold = FIRST_THRESHOLD;
      motion[kind].push(area);
      choose(area, 0);
      changed();
    },
    fit(pixelsWide, pixelsHigh) {
      [width, height] = [1600, (1600 * pixelsHigh) / pixelsWide];
      draw();
    },
  };
}
