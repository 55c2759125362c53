// /settings/cameras: states of the cameras, and one more added: by its address or found in the network.

import { get, post, repeat, root } from "../api.js";
import { setText } from "../dom.js";
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
    const row = document.querySelector(`[data-camera="${camera.id}"] .state`);
    if (row) setText(row, camera.problem || t(`cameras.state_${camera.state}`));
    const image = document.querySelector(`[data-camera="${camera.id}"] img`);
    if (image?.hidden && camera.latest) {
      image.src = `${root}/cameras/${camera.id}/latest.jpg?width=320`;
      image.hidden = false;
    }
  }
}

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
