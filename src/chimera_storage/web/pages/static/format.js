// Times and numbers as a person reads them: in the server's time zone, as the file names are, and
// in the page's language, in the form of the reader's country where the browser tells it.

import { language, t } from "./text.js";

export const zone = document.documentElement.dataset.timezone;
export const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) || language;

const form = (options) => new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
const clock = form({ timeStyle: "short" });
const clockSeconds = form({ timeStyle: "medium" });
const dayOf = form({ dateStyle: "medium" });
const styles = {
  clock, // 10:02
  seconds: clockSeconds, // 10:02:30
  day: dayOf, // 31 Jan 2026
  weekday: form({ weekday: "short", day: "numeric", month: "short" }), // Sat 31 Jan
  short: form({ dateStyle: "short", timeStyle: "short" }), // 31/01/2026, 10:02
  medium: form({ dateStyle: "medium", timeStyle: "medium" }), // 31 Jan 2026, 10:02:30
};
const wallTime = new Intl.DateTimeFormat(locale, { timeStyle: "medium", timeZone: "UTC" });
const wallDay = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const parts = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone });
const plain = new Intl.NumberFormat(locale);
const oneDigit = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const number = (value) => plain.format(value);

export const percent = (share) => new Intl.NumberFormat(locale, { style: "percent" }).format(share);

// A moment (ms since 1970) in one of the styles above.
export const moment = (ms, style = "medium") => styles[style].format(ms);

// A camera without a name is called so by the API, in English.
export const cameraName = ({ id, name }) => (name === `Camera ${id}` ? t("common.camera", { number: id }) : name);

// 10:02, with the day before it unless that is today.
export function time(ms, nowMs, { seconds = false } = {}) {
  const text = (seconds ? clockSeconds : clock).format(ms);
  return dayOf.format(ms) === dayOf.format(nowMs) ? text : `${dayOf.format(ms)}, ${text}`;
}

// "20260131-183000" … "20260131-190000" → "31 Jan 2026, 18:30:00 – 19:00:00"
export function range(start, end) {
  const [from, to] = [wall(start), wall(end)];
  const tail = wallDay.format(from) === wallDay.format(to) ? "" : `${wallDay.format(to)}, `;
  return `${wallDay.format(from)}, ${wallTime.format(from)} – ${tail}${wallTime.format(to)}`;
}

function wall(stamp) {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/.exec(stamp).map(Number);
  return Date.UTC(y, mo - 1, d, h, mi, s);
}

// What <input type="datetime-local"> takes, in the server's zone: the server reads it so.
export const inputTime = (ms) => parts.format(ms).replace(" ", "T");

export function duration(seconds) {
  if (seconds < 90) return t("common.seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t("common.minutes", { n: Math.round(seconds / 60) });
  if (seconds < 172800) return t("common.hours", { n: Math.round(seconds / 3600) });
  return t("common.days", { n: Math.round(seconds / 86400) });
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${(unit ? oneDigit : plain).format(value)} ${units[unit]}`;
}
