// The form that makes a video or an archive, and says in words what came of it.

import { post, send } from "../api.js";
import { setHidden, setText } from "../dom.js";
import { duration, inputTime, size } from "../format.js";
import { t } from "../text.js";

const HOUR_MS = 3600000;
const form = document.getElementById("make");
const box = document.getElementById("new");
const result = document.getElementById("make-result");
const estimate = document.getElementById("estimate");
const { estimates } = document.body.dataset;
let clockAhead = 0; // of the server's clock, ms
let asked = 0;
let timer = 0;

export function startForm() {
  if (!form) return;
  box.open = matchMedia("(min-width: 60rem)").matches;
  form.addEventListener("input", () => {
    choose();
    later();
  });
  form.addEventListener("click", ({ target }) => target.dataset.span && span(target.dataset.span));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
  choose();
}

export function offerCameras({ cameras, now }) {
  if (!form) return;
  clockAhead = now - Date.now();
  setHidden(box, !cameras.length);
  form.elements.camera.replaceChildren(...cameras.map(({ id, name }) => new Option(name, id)));
  if (!form.elements.start.value) span("hour");
}

function span(name) {
  const { start, end } = form.elements;
  const now = Date.now() + clockAhead;
  const today = inputTime(now).slice(0, 10);
  if (name === "hour") [start.value, end.value] = [inputTime(now - HOUR_MS), inputTime(now)];
  if (name === "today") [start.value, end.value] = [`${today}T00:00:00`, inputTime(now)];
  if (name === "yesterday") {
    const day = new Date(Date.parse(`${today}T12:00:00Z`) - 24 * HOUR_MS).toISOString().slice(0, 10);
    [start.value, end.value] = [`${day}T00:00:00`, `${day}T23:59:59`];
  }
  later();
}

// Shows what belongs to a video or to an archive.
function choose() {
  const kind = form.elements.kind.value;
  for (const label of form.querySelectorAll("[data-kind]")) {
    const format = label.dataset.format;
    setHidden(label, label.dataset.kind !== kind || (format && form.elements.video_format.value !== format));
  }
}

// The fields as createVideo, createZip and estimate take them; what is as usual is left out.
function wish() {
  const fields = form.elements;
  const isVideo = fields.kind.value === "video";
  const body = {
    camera: Number(fields.camera.value),
    start: fields.start.value,
    end: fields.end.value,
    skip: fields.skip.value,
    format: isVideo ? fields.video_format.value : fields.archive_format.value,
  };
  if (!isVideo) return { ...body, ...(fields.manifest.checked && { manifest: true }) };
  body.fps = fields.fps.value;
  if (fields.height.value) body.height = fields.height.value;
  if (fields.pace.value !== "even") body.pace = fields.pace.value;
  if (fields.quality.value !== "normal") body.quality = fields.quality.value;
  if (fields.codec.value !== "h264" && body.format === "mp4") body.codec = fields.codec.value;
  if (fields.timestamps.checked) body.timestamps = true;
  return body;
}

function later() {
  clearTimeout(timer);
  if (estimates) timer = setTimeout(tellEstimate, 400);
}

async function tellEstimate() {
  const mine = ++asked;
  let text = "";
  try {
    if (form.elements.camera.value) {
      const found = await post("/convert/estimate", wish());
      const images = t("processes.images", { n: found.frames });
      text = found.frames ? t("processes.estimate", { images, size: size(found.size), duration: duration(found.seconds) })
        : t("processes.no_images");
    }
  } catch {
    text = ""; // what is wrong is said when it is to be made
  }
  if (mine === asked) setText(estimate, text);
}

function say(text, kind = "") {
  setText(result, text);
  result.dataset.kind = kind;
}

async function make() {
  const fields = form.elements;
  if (!fields.camera.value) return say(t("processes.no_camera"), "error");
  const isVideo = fields.kind.value === "video";
  const atOnce = isVideo ? fields.now_video.checked : fields.now_archive.checked;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  say(atOnce ? t("processes.making") : "");
  try {
    const route = isVideo ? "/convert/createVideo" : "/convert/createZip";
    await told(await send(route, { ...wish(), save: !atOnce }));
  } catch (error) {
    say(`${error.message}.`, "error");
  }
  button.disabled = false;
}

async function told(response) {
  if (!response.headers.get("content-type").startsWith("application/json")) {
    download(await response.blob(), response.headers.get("content-disposition"));
    return say(t("processes.downloaded"), "good");
  }
  const { frames, frameLimitMet } = await response.json();
  if (!frames) return say(t("processes.no_images"), "error");
  return say(frameLimitMet ? t("processes.too_many", { n: frames }) : t("processes.begun", { n: frames }), "good");
}

function download(blob, disposition) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = /filename="([^"]+)"/.exec(disposition)?.[1] || "output";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
