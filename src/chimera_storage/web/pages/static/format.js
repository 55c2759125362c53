// Times and numbers as a person reads them: in the server's time zone, as the file names are,
// and in the browser's language.

const zone = document.body.dataset.timezone;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short", timeZone: zone });
const clockSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone: zone });
const dayOf = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: zone });
const wallTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone: "UTC" });
const wallDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const parts = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone });
const plain = new Intl.NumberFormat();

export const number = (value) => plain.format(value);

// 10:02, with the day before it unless that is today.
export function time(ms, nowMs, { seconds = false } = {}) {
  const text = (seconds ? clockSeconds : clock).format(ms);
  return dayOf.format(ms) === dayOf.format(nowMs) ? text : `${dayOf.format(ms)}, ${text}`;
}

// "20260131-183000" … "20260131-190000" → "Jan 31, 2026, 6:30:00 PM – 7:00:00 PM"
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
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}
