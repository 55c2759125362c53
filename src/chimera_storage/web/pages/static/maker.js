// The form that makes a video or a zip, and says in words what came of it.

import { send } from "./api.js";
import { setText } from "./dom.js";
import { inputTime, number } from "./format.js";

const HOUR_MS = 3600000;
const form = document.getElementById("make");
const result = document.getElementById("make-result");
let untouched = true; // until a time is chosen the form means the last hour

export function startMaker() {
  form.addEventListener("input", ({ target }) => {
    if (target.name === "start" || target.name === "end") untouched = false;
    chooseType();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
  chooseType();
}

export function offerCameras({ cameras, now }) {
  const select = form.elements.camera;
  const wanted = cameras.map(({ id, name }) => [String(id), name]);
  const there = [...select.options].map((option) => [option.value, option.text]);
  if (JSON.stringify(wanted) !== JSON.stringify(there)) {
    const chosen = select.value;
    select.replaceChildren(...wanted.map(([id, name]) => new Option(name, id)));
    if (wanted.some(([id]) => id === chosen)) select.value = chosen;
  }
  const { start, end } = form.elements;
  if (untouched && ![start, end].includes(document.activeElement)) {
    start.value = inputTime(now - HOUR_MS);
    end.value = inputTime(now);
  }
}

function chooseType() {
  const type = form.elements.type.value;
  for (const label of form.querySelectorAll("[data-only]")) {
    label.hidden = label.dataset.only !== type;
  }
}

function say(text, kind = "") {
  setText(result, text);
  result.dataset.kind = kind;
}

async function make() {
  const fields = form.elements;
  const type = fields.type.value;
  if (!fields.camera.value) return say("There is no camera to make it of.", "error");
  const body = {
    camera: Number(fields.camera.value),
    start: fields.start.value,
    end: fields.end.value,
    skip: fields.skip.value,
    save: fields.save.checked,
  };
  if (type === "mp4") body.fps = fields.fps.value;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  say(body.save ? "" : "Making it …");
  try {
    const route = type === "mp4" ? "createVideo" : "createZip";
    await told(await send(`/convert/${route}`, body), type);
  } catch (error) {
    say(`${error.message}.`, "error");
  }
  button.disabled = false;
}

async function told(response, type) {
  const what = type === "mp4" ? "video" : "zip";
  if (!response.headers.get("content-type").startsWith("application/json")) {
    download(await response.blob(), response.headers.get("content-disposition"));
    return say(`The ${what} is downloaded.`, "good");
  }
  const answer = await response.json();
  if (!answer.frames) return say("There are no images in this range.", "error");
  const images = answer.frames === 1 ? "1 image" : `${number(answer.frames)} images`;
  if (answer.frameLimitMet) {
    return say(`${images} are too many to download at once, so the ${what} is kept here.`, "good");
  }
  return say(`The ${what} of ${images} is being made.`, "good");
}

function download(blob, disposition) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = /filename="([^"]+)"/.exec(disposition)?.[1] || "output";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
