// /settings/cameras/{camera}: everything of one camera, changed here and saved at once.

import { change, get, post } from "../api.js";
import { ask } from "../ask.js";
import { icon } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../text.js";
import { startAreas } from "./areas.js";
import { startEvents } from "./events.js";
import { startFields } from "./fields.js";
import { startSight } from "./sight.js";
import { testPicture } from "./trial.js";

const { root } = document.documentElement.dataset;
const camera = Number(document.body.dataset.camera);
const bar = document.getElementById("save-bar");
const saveSaid = document.getElementById("save-said");
const picture = document.getElementById("picture");
const stage = document.getElementById("stage");
const trouble = document.getElementById("trouble");

let stored = null; // as the server has it
let settings = null; // as it stands in the page

const isChanged = () => JSON.stringify(stored) !== JSON.stringify(settings);

function changed() {
  bar.hidden = !isChanged();
  saveSaid.textContent = "";
}

const areas = startAreas(document.getElementById("areas"), document.getElementById("area-list"), changed);
const fields = startFields(changed);
const sight = startSight(camera, showState, follow);

function show(next) {
  stored = next;
  settings = structuredClone(next);
  fields.show(settings);
  areas.show(settings.motion);
  document.getElementById("name").textContent = stored.name || document.body.dataset.name;
  changed();
}

async function save() {
  saveSaid.dataset.kind = "";
  try {
    const answer = await (await change("PUT", `/cameras/${camera}`, settings)).json();
    show(answer.camera);
  } catch (error) {
    saveSaid.dataset.kind = "error";
    saveSaid.textContent = error.message;
  }
}

let paused = null;
function showState(state) {
  document.getElementById("state").textContent = t(`camera.state_${state}`);
  if (paused === (state === "paused")) return;
  paused = state === "paused";
  const button = document.getElementById("pause");
  button.replaceChildren(icon(paused ? "play" : "pause"), t(paused ? "camera.resume" : "camera.pause"));
}

async function pause() {
  await act(async () => {
    const answer = await post(`/cameras/${camera}/${paused ? "resume" : "pause"}`, {});
    stored.paused = settings.paused = answer.paused;
    showState(answer.paused ? "paused" : "starting");
  });
}

async function remove() {
  await act(async () => {
    const { cameras } = await get("/cameras");
    const { count, size: bytes } = cameras.find((one) => one.id === camera);
    const text = [
      t("camera.remove_text"),
      count ? t("camera.remove_stays", { n: count, size: size(bytes) }) : t("camera.remove_nothing"),
    ];
    if (!(await ask({ title: t("camera.remove_title", { name: stored.name || number(camera) }), text, action: t("camera.remove") }))) return;
    await change("DELETE", `/cameras/${camera}`);
    stored = settings;
    location.href = `${root}/settings/cameras`;
  });
}

async function act(task) {
  trouble.hidden = true;
  try {
    await task();
  } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
  }
}

const trial = testPicture(picture, document.getElementById("picture-said"));
const askForPicture = () => trial({ url: settings.url, transport: settings.transport, interval: settings.interval, camera });

// A picture asked for, or the stream of what the camera sees now.
async function fresh() {
  if (isLive()) await setLive(false);
  else await askForPicture();
}

const live = document.getElementById("live");
const isLive = () => live.getAttribute("aria-pressed") === "true";

async function setLive(wanted) {
  live.setAttribute("aria-pressed", wanted);
  if (wanted) picture.src = `${root}/cameras/${camera}/live.mjpeg`;
  else await askForPicture();
}

// While something moves the picture goes with the boxes over it, and once more when it is over.
let moved = false;
let coming = false;
async function follow(moves) {
  if (coming || isLive() || (!moves && !moved) || settings.url !== stored.url) return;
  moved = moves;
  coming = true;
  const next = new Image();
  next.src = `${root}/cameras/${camera}/latest.jpg?at=${Date.now()}&width=640`;
  try {
    await next.decode();
    if (!isLive()) picture.src = next.src;
  } catch {
    // the next one may come
  }
  coming = false;
}

function fit() {
  if (!picture.naturalWidth) return;
  picture.hidden = false;
  stage.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
  areas.fit(picture.naturalWidth, picture.naturalHeight);
}

picture.addEventListener("load", fit);
document.getElementById("fresh").addEventListener("click", fresh);
live.addEventListener("click", () => setLive(!isLive()));
document.getElementById("add-zone").addEventListener("click", () => areas.add("zone"));
document.getElementById("add-mask").addEventListener("click", () => areas.add("mask"));
document.getElementById("pause").addEventListener("click", pause);
document.getElementById("remove").addEventListener("click", remove);
document.getElementById("save").addEventListener("click", save);
document.getElementById("discard").addEventListener("click", () => show(stored));
addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());

await act(async () => {
  show(await get(`/cameras/${camera}`));
  sight.start(() => settings.motion.threshold);
  startEvents(camera);
  // The newest saved image; a camera that saved none is asked for a picture.
  const { cameras } = await get("/cameras");
  if (cameras.find((one) => one.id === camera)?.latest) picture.src = `${root}/cameras/${camera}/latest.jpg?width=640`;
  else await fresh();
});
