// One camera large, in a dialog that the address names (#camera-3), so that "back" closes it.

import { setAttribute, setHidden, setText } from "../dom.js";
import { showImage, showTaken } from "./picture.js";
import { light, words } from "./words.js";

const dialog = document.getElementById("large");

export function startLarge() {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    if (wanted()) history.replaceState(null, "", location.pathname);
    const picture = dialog.querySelector(".picture");
    delete picture.dataset.shown;
    picture.querySelector("img").removeAttribute("src");
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
  showTaken(part(".taken"), camera.latest, now);
  showImage(part(".picture"), camera);
}
