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
const MANY = 12; // cameras from which on one looks for a name
const find = document.getElementById("find");
let cameras = new Map();
let now = 0;

// Pictures are asked for of the cards that are near what is seen: each makes the server work.
const near = new Set();
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    near[isIntersecting ? "add" : "delete"](target);
    if (isIntersecting) showPicture(target);
  }
}, { rootMargin: "200px" });

export function showCameras(answer) {
  cameras = new Map(answer.cameras.map((camera) => [String(camera.id), camera]));
  now = answer.now;
  setHidden(none, cameras.size > 0);
  setHidden(find.parentElement, cameras.size <= MANY);
  const cards = keep(parent, answer.cameras, (camera) => camera.id, template, begin);
  cards.forEach((card, i) => show(card, answer.cameras[i]));
  parent.removeAttribute("aria-busy");
  showFound();
  showLarge(cameras, answer.now);
}

function showFound() {
  const wanted = find.value.trim().toLocaleLowerCase();
  for (const card of parent.children) {
    setHidden(card, !card.querySelector(".name").textContent.toLocaleLowerCase().includes(wanted));
  }
}
find.addEventListener("input", showFound);

function showPicture(card) {
  const camera = cameras.get(card.dataset.key);
  if (camera) showNewest(card.querySelector(".picture"), camera, now);
}

function begin(card, id) {
  seen.observe(card);
  card.querySelector("button.picture").addEventListener("click", () => {
    if (cameras.get(id).latest || cameras.get(id).state === "connected") location.hash = `camera-${id}`;
  });
  card.querySelector(".pause").addEventListener("click", () => pause(card, id));
}

function show(card, camera) {
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
  if (near.has(card)) showPicture(card);
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
