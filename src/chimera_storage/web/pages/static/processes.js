// The list of videos and archives: progress, cancel, delete (asks once), play, download.

import { post } from "./api.js";
import { keep, setAttribute, setHidden, setText } from "./dom.js";
import { duration, number, range, size } from "./format.js";

const parent = document.getElementById("processes");
const template = document.getElementById("process-row");
const none = document.getElementById("no-process");
const ask = document.getElementById("ask");
let known = new Map(); // id -> process, the newest first
let names = null;

// What GET /convert/events sends: first all of them, then each that changes.
export const processEvents = {
  list: ({ list }) => {
    known = new Map(list.map((process) => [process.id, process]));
    parent.removeAttribute("aria-busy");
    showAll();
  },
  process: (process) => {
    if (known.has(process.id)) known.set(process.id, process);
    else known = new Map([[process.id, process], ...known]);
    showAll();
  },
  deleted: ({ id }) => {
    known.delete(id);
    showAll();
  },
};

export function nameCameras(cameraNames) {
  names = cameraNames;
  showAll();
}

function showAll() {
  if (parent.hasAttribute("aria-busy") || names === null) return; // not all is known yet
  const list = [...known.values()];
  setHidden(none, list.length > 0);
  const rows = keep(parent, list, (process) => process.id, template, begin);
  rows.forEach((row, i) => show(row, list[i]));
}

function show(row, process) {
  const part = (name) => row.querySelector(name);
  setText(part(".badge"), process.type === "mp4" ? "video" : process.type);
  setText(part(".what"), cameraName(process));
  setText(part(".range"), range(process.start, process.end));
  const bar = part("progress");
  setHidden(bar, !process.running);
  if (process.status === "queued") bar.removeAttribute("value");
  else bar.value = process.progress;
  setAttribute(bar, "aria-label", `Progress of the ${part(".badge").textContent}`);
  setText(part(".status"), row.dataset.problem || words(process));
  setAttribute(row, "data-status", process.status);
  setHidden(part(".cancel"), !process.running);
  const done = process.status === "done";
  setHidden(part(".play"), !done || process.type !== "mp4");
  setHidden(part(".download"), !done);
  setHidden(part(".delete"), process.running);
  setAttribute(part(".play"), "href", `${process.link}?inline`);
  setAttribute(part(".download"), "href", process.link);
}

const cameraName = (process) => names.get(process.camera) || `Camera ${process.camera}`;

function words(process) {
  const images = process.frames === 1 ? "1 image" : `${number(process.frames)} images`;
  switch (process.status) {
    case "queued":
      return `waiting its turn, ${images}`;
    case "running": {
      const percent = `${Math.floor(process.progress * 100)} % of ${images}`;
      return process.eta === null ? percent : `${percent}, ${duration(process.eta)} left`;
    }
    case "done":
      return process.frames ? `${images}, ${size(process.size)}` : size(process.size);
    case "failed":
      return `failed: ${process.error || "the log says why"}`;
    default:
      return "cancelled";
  }
}

function begin(row, id) {
  row.querySelector(".cancel").addEventListener("click", () => act(row, "cancelProcess", id));
  row.querySelector(".delete").addEventListener("click", async () => {
    if (await confirmed(known.get(id))) await act(row, "deleteProcess", id);
  });
}

async function act(row, route, id) {
  const buttons = [...row.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    await post(`/convert/${route}`, { id });
    delete row.dataset.problem;
  } catch (error) {
    row.dataset.problem = error.message;
  }
  for (const button of buttons) button.disabled = false;
  showAll();
}

// Asks in the dialog; only its Delete button is a yes.
function confirmed(process) {
  const what = ["zip", "tar"].includes(process.type) ? "archive" : "video";
  setText(document.getElementById("ask-title"), `Delete this ${what}?`);
  const much = process.size ? ` It takes ${size(process.size)}.` : "";
  setText(
    document.getElementById("ask-text"),
    `${cameraName(process)}, ${range(process.start, process.end)}.${much} The images stay.`,
  );
  ask.returnValue = "no";
  ask.showModal();
  return new Promise((resolve) => {
    ask.addEventListener("close", () => resolve(ask.returnValue === "yes"), { once: true });
  });
}
