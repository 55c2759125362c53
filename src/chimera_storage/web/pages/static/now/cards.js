// The cards of the cameras: newest image with what moved, state in words, pause and resume.

import { post, root } from "../api.js";
import { keep, setAttribute, setHidden, setText } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../text.js";
import { showLarge } from "./large.js";
import { light, words } from "./words.js";
import { showNewest } from "./picture.js";

const parent = document.getElementById("cameras");
const template = document.getElementById("camera-card");
const none = document.getElementById("no-camera");
const { mayPause, timeline } = document.body.dataset;
let cameras = new Map();

export function showCameras(answer) {
  cameras = new Map(answer.cameras.map((camera) => [String(camera.id), camera]));
  setHidden(none, cameras.size > 0);
  const cards = keep(parent, answer.cameras, (camera) => camera.id, template, begin);
  cards.forEach((card, i) => show(card, answer.cameras[i], answer.now));
  parent.removeAttribute("aria-busy");
  showLarge(cameras, answer.now);
}

function begin(card, id) {
  card.querySelector("button.picture").addEventListener("click", () => {
    if (cameras.get(id).latest || cameras.get(id).state === "connected") location.hash = `camera-${id}`;
  });
  card.querySelector(".pause").addEventListener("click", () => pause(card, id));
}

function show(card, camera, now) {
  const part = (name) => card.querySelector(name);
  setText(part(".name"), camera.name);
  setText(part(".state"), words(camera, now));
  setAttribute(card, "data-light", light(camera));
  setText(part(".stored"), t("now.images", { n: camera.count, size: size(camera.size) }));
  const flows = camera.state === "connected" && camera.width;
  setText(part(".stream"), flows ? `· ${t("now.stream", {
    width: camera.width, height: camera.height, fps: number(Math.round(camera.fps)),
  })}` : "");
  setAttribute(part(".to-timeline"), "href", `${root}/timeline?camera=${camera.id}`);
  setHidden(part(".to-timeline"), !timeline);
  setAttribute(part(".to-files"), "href", camera.count ? `${root}/shared/captures/${camera.id}/` : null);
  setHidden(part(".to-files"), !camera.count);
  showPause(part(".pause"), camera);
  setAttribute(part("button.picture"), "aria-label", t("now.open", { name: camera.name }));
  setHidden(part(".no-picture"), !part(".picture > img").hidden || camera.latest !== null);
  showNewest(part(".picture"), camera, now);
}

function showPause(button, camera) {
  setHidden(button, !mayPause || !camera.recorded);
  const isPaused = camera.state === "paused";
  setText(button.querySelector("span"), isPaused ? t("now.resume") : t("now.pause"));
  const use = button.querySelector("use");
  setAttribute(use, "href", use.getAttribute("href").replace(/#.*/, isPaused ? "#play" : "#pause"));
}

async function pause(card, id) {
  const button = card.querySelector(".pause");
  const problem = card.querySelector(".error");
  const isPaused = cameras.get(id).state === "paused";
  button.disabled = true;
  setHidden(problem, true);
  try {
    await post(`/cameras/${id}/${isPaused ? "resume" : "pause"}`, {});
  } catch (error) {
    setText(problem, `${error.message}.`);
    setHidden(problem, false);
  }
  button.disabled = false;
}
