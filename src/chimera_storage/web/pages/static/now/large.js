// One camera large, in a dialog that the address names (#camera-3), so that "back" closes it.

import { root } from "../api.js";
import { setAttribute, setHidden, setText } from "../dom.js";
import { t } from "../text.js";
import { showImage } from "./picture.js";
import { light, words } from "./words.js";

const dialog = document.getElementById("large");

export function startLarge() {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener("change", () => shown());
  const picture = dialog.querySelector(".picture");
  picture.querySelector("img").addEventListener("error", () => delete picture.dataset.shown);
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // it was opened again before this was told
    if (wanted()) history.replaceState(null, "", location.pathname);
    delete picture.dataset.shown;
    picture.querySelector("img").removeAttribute("src"); // ends the stream
  });
}

const wanted = () => /^#camera-(\d+)$/.exec(location.hash)?.[1];

let shown = () => {};
window.addEventListener("hashchange", () => shown());

export function showLarge(cameras, now) {
  shown = () => show(cameras.get(wanted()), now);
  shown();
}

function show(camera, now) {
  if (!camera) {
    if (dialog.open) dialog.close();
    return;
  }
  const part = (name) => dialog.querySelector(name);
  setAttribute(dialog, "data-light", light(camera));
  setText(part(".name"), camera.name);
  setText(part(".state"), words(camera, now));
  if (!dialog.open) dialog.showModal();
  const isLive = camera.state === "connected";
  setHidden(part(".choice"), !isLive);
  const picture = part(".picture");
  if (isLive && part("[value=live]").checked) showLive(picture, camera);
  else showImage(picture, camera, now);
}

// One stream at a time: a browser has six connections to a server.
function showLive(picture, camera) {
  const address = `${root}/cameras/${camera.id}/live.mjpeg?boxes&since=${camera.since}`;
  if (picture.dataset.shown === address) return;
  picture.dataset.shown = address;
  const image = picture.querySelector("img");
  image.src = address;
  image.alt = t("now.live_picture", { name: camera.name });
  setHidden(image, false);
  picture.querySelector(".boxes").replaceChildren();
  setHidden(picture.querySelector(".taken"), true);
}
