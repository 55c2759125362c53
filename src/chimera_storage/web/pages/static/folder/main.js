// A folder's page: images open in a viewer above the page, videos play where they are listed.

import { t } from "../text.js";
import { startViewer } from "./viewer.js";

const pictures = document.querySelector(".pictures");
if (pictures) startViewer([...pictures.querySelectorAll("a")]);

for (const link of document.querySelectorAll("a[data-play]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = t("folder.play");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => toggle(button, link));
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    toggle(button, link);
  });
  link.closest("li").querySelector("a[download]").before(button);
}

function toggle(button, link) {
  const row = link.closest("li");
  const shown = row.querySelector("video");
  if (shown) {
    shown.pause();
    shown.remove();
  } else {
    const video = document.createElement("video");
    video.controls = true;
    video.autoplay = true;
    video.playsInline = true;
    video.src = link.href;
    video.setAttribute("aria-label", link.textContent);
    row.append(video);
  }
  button.textContent = t(shown ? "folder.play" : "folder.stop");
  button.setAttribute("aria-expanded", String(!shown));
}
