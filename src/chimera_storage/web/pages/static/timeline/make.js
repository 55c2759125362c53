// Making a video or an archive of the range: its options, what it will take, its progress.

import { get, post } from "../api.js";
import { setAttribute, setHidden, setText } from "../dom.js";
import { duration, percent, size } from "../format.js";
import { t } from "../text.js";
import { say } from "./said.js";

const ESTIMATE_AFTER_MS = 200;
const LOOK_EVERY_MS = 700;
const element = (id) => document.getElementById(id);
const dialog = element("make");
const form = element("make-form");
const ARCHIVES = ["zip", "tar"];
let range = null;
let timer = 0;
let asked = 0;

export function make(wish, text) {
  range = wish;
  setText(element("make-range"), text);
  setText(element("make-said"), "");
  fit();
  dialog.showModal();
}

// What the form asks for, without what stands at its default or does not belong to the format.
function wish() {
  const fields = new FormData(form);
  const format = fields.get("format");
  const found = { ...range, format, skip: Number(fields.get("skip")) || 1 };
  if (ARCHIVES.includes(format)) return fields.has("manifest") ? { ...found, manifest: true } : found;
  found.fps = Number(fields.get("fps")) || 20;
  found.pace = fields.get("pace");
  if (format === "mp4") found.codec = fields.get("codec");
  if (found.codec === "mjpeg") return found;
  if (fields.get("height")) found.height = Number(fields.get("height"));
  found.quality = fields.get("quality");
  if (fields.has("timestamps")) found.timestamps = true;
  return found;
}

// Shows the fields that the format has, and asks what it will take.
function fit() {
  const { format, codec } = Object.fromEntries(new FormData(form));
  const archive = ARCHIVES.includes(format);
  for (const part of form.querySelectorAll("[data-for]")) {
    const fits = { video: !archive, archive, mp4: format === "mp4", encoded: !archive && !(format === "mp4" && codec === "mjpeg") };
    const hidden = !fits[part.dataset.for];
    setHidden(part, hidden);
    for (const field of part.querySelectorAll("input, select")) field.disabled = hidden;
  }
  clearTimeout(timer);
  const output = element("make-takes");
  setAttribute(output, "aria-busy", "true");
  const mine = (asked += 1);
  timer = setTimeout(async () => {
    let text = "";
    let problem = null;
    try {
      const found = await post("/convert/estimate", wish());
      text = takes(found, archive);
      element("make-go").disabled = !found.frames;
    } catch (error) {
      [text, problem] = [error.message, "error"];
      element("make-go").disabled = true;
    }
    if (mine !== asked) return;
    setText(output, text);
    setAttribute(output, "data-kind", problem);
    setAttribute(output, "aria-busy", null);
  }, ESTIMATE_AFTER_MS);
}

function takes(found, archive) {
  const lines = [t("timeline.images", { n: found.frames })];
  lines.push(t(found.exact ? "timeline.exactly" : "timeline.about", { what: size(found.size) }));
  if (found.duration !== null) lines.push(t("timeline.plays", { time: duration(found.duration) }));
  if (!archive || !direct()) lines.push(t("timeline.made_in", { time: duration(found.seconds) }));
  if (!found.exact && !found.learnedFrom) lines.push(t("timeline.guess"));
  return lines.join(" · ");
}

const direct = () => !form.elements.save.disabled && !form.elements.save.checked;

async function begin(event) {
  event.preventDefault();
  const asks = wish();
  const archive = ARCHIVES.includes(asks.format);
  const said = element("make-said");
  const go = element("make-go");
  go.disabled = true;
  try {
    const link = archive && direct();
    const answer = await post(`/convert/${archive ? "createZip" : "createVideo"}`, link ? { ...asks, link: true } : asks);
    dialog.close();
    if (link) location.assign(answer.url); // sent as a download: the page stays
    else follow(answer.id);
  } catch (error) {
    setText(said, error.message);
  }
  go.disabled = false;
}

// The progress of what was begun, beside the range, until it is done.
async function follow(id) {
  const row = element("making-row").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(name);
  element("making").prepend(row);
  part(".cancel").addEventListener("click", () => post("/convert/cancelProcess", { id }).catch((error) => say(error.message, "error")));
  for (;;) {
    let process;
    try {
      process = await get(`/convert/process/${id}`);
    } catch (error) {
      setText(part(".said"), error.message);
      if (!(error instanceof TypeError)) break;
      await later(); // it goes on when the server answers again
      continue;
    }
    setText(part(".what"), process.type.toUpperCase());
    if (process.status === "queued") part("progress").removeAttribute("value");
    else part("progress").value = process.progress;
    const left = process.eta === null ? "" : ` · ${t("timeline.left", { time: duration(process.eta) })}`;
    setText(part(".said"), process.running ? `${percent(process.progress)}${left}` : ended(process));
    setHidden(part("progress"), !process.running);
    setHidden(part(".cancel"), !process.running);
    setHidden(part(".done"), process.status !== "done");
    setAttribute(part(".play"), "href", `${process.link}?inline`);
    setHidden(part(".play"), ARCHIVES.includes(process.type));
    setAttribute(part(".download"), "href", process.link);
    if (!process.running) break;
    await later();
  }
}

const later = () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));

function ended(process) {
  if (process.status === "done") return size(process.size);
  return process.status === "failed" ? process.error || "" : t("timeline.cancelled");
}

form.addEventListener("input", fit);
form.addEventListener("submit", begin);
element("make-cancel").addEventListener("click", () => dialog.close());
