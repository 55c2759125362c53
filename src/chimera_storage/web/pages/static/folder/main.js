// A folder's page: images open in a viewer above the page, videos play where they are listed.

import { t } from "../text.js";
import { startViewer } from "./viewer.js";

// Small images are loaded as they come into view: browsers' own way (loading=lazy) is 2500 pixels
// ahead, which is half a megabyte of a full page.
const pictures = document.querySelector(".pictures");
if (pictures) {
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.srcset = `${target.dataset.src}?width=320 2x`;
      target.src = `${target.dataset.src}?width=160`;
    }
  });
  for (const image of pictures.querySelectorAll("img")) seen.observe(image);
  startViewer([...pictures.querySelectorAll("a")]);
}

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
