// A folder's page: images open in a viewer above the page, videos play where they are listed. On the page
// of a link to a span images are shown the same way, and open by themselves.

import { t } from "../text.js";
import { onFirstUse } from "../use.js";
import { startViewer } from "./viewer.js";

// Small images are loaded as they come into view: browsers' own way (loading=lazy) is 2500 pixels
// ahead, which is half a megabyte of a full page. The first are of 240 pixels whatever the screen
// has; those for sharper screens, three times as heavy, come once somebody uses the page.
const pictures = document.querySelector(".pictures");
let isUsed = false;

function show(image) {
  if (isUsed && image.clientWidth * devicePixelRatio > 240) image.srcset = `${image.dataset.src}?width=320 2x`;
  image.src = `${image.dataset.src}?width=160`;
}

if (pictures) {
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      show(target);
    }
  });
  const images = pictures.querySelectorAll("img");
  for (const image of images) seen.observe(image);
  onFirstUse(() => {
    isUsed = true;
    for (const image of images) if (image.src) show(image);
  });
  if (document.getElementById("viewer")) startViewer([...pictures.querySelectorAll("a")]);
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
