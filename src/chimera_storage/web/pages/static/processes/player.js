// Plays a finished video (or shows an animation) in a dialog of the page.

import { setText } from "../dom.js";
import { t } from "../text.js";

const dialog = document.getElementById("player");
const screen = dialog.querySelector(".screen");

dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  screen.querySelector("video")?.pause();
  screen.replaceChildren(); // ends the download
});

export function play(process, title) {
  setText(document.getElementById("player-title"), title);
  const isVideo = process.type === "mp4";
  const shown = document.createElement(isVideo ? "video" : "img");
  if (isVideo) Object.assign(shown, { controls: true, autoplay: true, playsInline: true });
  else shown.alt = title;
  shown.addEventListener("error", () => {
    const sorry = document.createElement("p");
    sorry.textContent = t("processes.cannot_play");
    screen.replaceChildren(sorry);
  });
  shown.src = `${process.link}?inline`;
  screen.replaceChildren(shown);
  dialog.showModal();
}
