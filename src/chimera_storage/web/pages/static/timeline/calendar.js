// A month of days to choose from; those that have images are marked, the busier the stronger.

import { get } from "../api.js";
import { setAttribute, setText } from "../dom.js";
import { locale } from "../format.js";
import { t } from "../text.js";
import { today } from "./state.js";

const dialog = document.getElementById("calendar");
const grid = document.getElementById("calendar-days");
const form = (options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
const [monthName, weekday, whole] = [form({ month: "long", year: "numeric" }), form({ weekday: "short" }), form({ dateStyle: "full" })];
const monday = Date.UTC(2024, 0, 1);
let month = "";
let answer = null;
let chosen = "";

// Asks for a day; null where none was chosen.
export function chooseDay(day) {
  chosen = day;
  answer = null;
  show(day.slice(0, 7));
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(answer), { once: true }));
}

export function shifted(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

async function show(which) {
  month = which;
  const [year, number] = which.split("-").map(Number);
  setText(document.getElementById("calendar-month"), monthName.format(Date.UTC(year, number - 1, 1)));
  draw(year, number, new Map());
  try {
    const { days } = await get(`/timeline/days?month=${which}`);
    if (which === month) draw(year, number, new Map(days.map((day) => [day.date, day])));
  } catch {
    // the days can be chosen all the same
  }
}

function draw(year, number, found) {
  const focused = document.activeElement?.dataset?.day;
  const first = Date.UTC(year, number - 1, 1);
  const lead = (new Date(first).getUTCDay() + 6) % 7;
  const length = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const most = Math.max(1, ...[...found.values()].map((day) => day.images));
  const cells = [];
  for (let i = 0; i < 7; i += 1) cells.push(cell("span", weekday.format(monday + i * 86_400_000)));
  for (let i = 0; i < lead; i += 1) cells.push(cell("span", ""));
  for (let i = 1; i <= length; i += 1) cells.push(dayButton(`${month}-${String(i).padStart(2, "0")}`, i, found, most));
  grid.replaceChildren(...cells);
  grid.querySelector(`[data-day="${focused || chosen}"]`)?.focus();
}

function dayButton(date, number, found, most) {
  const button = cell("button", number);
  button.type = "button";
  button.dataset.day = date;
  const day = found.get(date);
  const images = t("timeline.images", { n: day?.images || 0 });
  button.setAttribute("aria-label", `${whole.format(Date.parse(`${date}T00:00:00Z`))}, ${images}`);
  button.title = images;
  if (day) button.dataset.much = Math.ceil((day.images / most) * 3);
  setAttribute(button, "aria-current", date === chosen ? "date" : null);
  button.classList.toggle("today", date === today);
  button.disabled = date > today;
  return button;
}

function cell(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function turn(by) {
  const [year, number] = month.split("-").map(Number);
  show(new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7));
}

document.getElementById("calendar-previous").addEventListener("click", () => turn(-1));
document.getElementById("calendar-next").addEventListener("click", () => turn(1));
document.getElementById("calendar-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  const { day } = event.target.dataset;
  if (day) answer = day;
  if (day || event.target === dialog) dialog.close();
});
grid.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  const from = event.target.dataset?.day;
  if (!by || !from) return;
  event.preventDefault();
  const to = shifted(from, by);
  const next = grid.querySelector(`[data-day="${to}"]`);
  if (next) next.focus();
  else if (to <= today) {
    chosen = to;
    show(to.slice(0, 7));
  }
});
