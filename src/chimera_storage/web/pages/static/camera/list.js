// /settings/cameras: states of the cameras, and one more added: by its address or found in the network.

import { get, post, repeat, root } from "../api.js";
import { setHidden, setText } from "../dom.js";
import { t } from "../text.js";
import { teller } from "../trouble.js";
import { testPicture } from "./trial.js";
import { startNetwork } from "./network.js";

const form = document.getElementById("new");
const said = document.getElementById("said");
const add = document.getElementById("add");

async function states() {
  const { cameras } = await get("/cameras");
  for (const camera of cameras) {
    const row = document.querySelector(`[data-camera="${camera.id}"]`);
    if (!row) continue;
    setText(row.querySelector(".state"), camera.problem || t(`cameras.state_${camera.state}`));
    if (camera.latest && !pictured.has(camera.id)) {
      pictured.add(camera.id);
      seen.observe(row);
    }
  }
}

// Pictures are asked for once they are to be seen, in the size of a row.
const pictured = new Set();
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    const image = target.querySelector("img");
    image.src = `${root}/cameras/${target.dataset.camera}/latest.jpg?width=160`;
    image.hidden = false;
  }
});

const find = document.getElementById("find");
find?.addEventListener("input", () => {
  const wanted = find.value.trim().toLocaleLowerCase();
  for (const row of document.querySelectorAll("[data-camera]")) {
    setHidden(row, !row.querySelector(".row-words").textContent.toLocaleLowerCase().includes(wanted));
  }
});

function open() {
  add.hidden = false;
  add.scrollIntoView({ block: "nearest" });
  form.elements.url.focus();
}

async function save(event) {
  event.preventDefault();
  const { url, name, id } = form.elements;
  said.textContent = "";
  try {
    await post("/cameras", { id: Number(id.value), url: url.value.trim(), name: name.value.trim() });
    location.href = `${root}/settings/cameras/${Number(id.value)}`;
  } catch (error) {
    said.dataset.kind = "error";
    said.textContent = error.message;
  }
}

const picture = document.getElementById("test-picture");
const trial = testPicture(picture, document.getElementById("test-said"));
const tryIt = () => {
  picture.hidden = true; // it may be of another address
  trial({ url: form.elements.url.value.trim() });
};
document.getElementById("begin").addEventListener("click", open);
document.getElementById("try").addEventListener("click", () => form.elements.url.reportValidity() && tryIt());
form.addEventListener("submit", save);
startNetwork(({ url, name }) => {
  form.elements.url.value = url;
  form.elements.name.value ||= name;
  tryIt();
});
if (!document.querySelector("[data-camera]")) add.hidden = false;
repeat(states, 3000, teller("cameras"));
