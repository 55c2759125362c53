// The storage page. The server draws it; here are the question what a clean-up would take, and the
// numbers behind the heat map's colours.

import { refresh, sentence, startActing } from "../act.js";
import { post } from "../api.js";
import { size } from "../format.js";
import { t } from "../text.js";

const DAY_MS = 86_400_000;
startActing();

document.addEventListener("change", ({ target }) => {
  if (target.id === "heat-camera") target.form.requestSubmit();
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-clean]");
  if (button) clean(Number(button.dataset.clean), button.dataset.name);
});

// Says what would go, each time another number of days is chosen, and deletes it when that is pressed.
function clean(camera, name) {
  const dialog = document.getElementById("clean").content.firstElementChild.cloneNode(true);
  const form = dialog.querySelector("form");
  const what = dialog.querySelector(".clean-what");
  const button = form.querySelector("[type=submit]");
  const bar = dialog.querySelector("progress");
  dialog.querySelector("h2").textContent = t("disk.clean_title", { camera: name });
  let asked = 0;

  async function preview() {
    asked += 1;
    const mine = asked;
    button.disabled = true;
    if (!form.days.checkValidity()) return;
    const end = Date.now() - Number(form.days.value) * DAY_MS;
    try {
      const found = await post("/file/rangeDelete", { camera, start: 0, end, preview: true });
      if (mine !== asked) return; // another number was typed meanwhile
      button.disabled = found.deleted === 0;
      const left = found.kept + found.busy;
      const parts = [
        found.deleted ? t("disk.clean_what", { n: found.deleted, size: size(found.bytes) }) : t("disk.clean_nothing"),
        left ? t("disk.clean_left", { n: left }) : "",
      ];
      what.textContent = parts.filter(Boolean).join(" ");
    } catch (error) {
      if (mine === asked) what.textContent = sentence(error.message);
    }
  }

  form.addEventListener("input", preview);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    bar.hidden = false;
    try {
      await post("/file/pathClean", { camera, days: form.days.value });
      await refresh();
      dialog.close();
    } catch (error) {
      what.textContent = sentence(error.message);
    }
    bar.hidden = true;
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  preview();
}

// What a cell of the heat map stands for is said below it; the table holds all of it for others.
document.addEventListener("pointerover", ({ target }) => {
  const cell = target.closest?.(".heat td");
  const word = document.querySelector(".heat-word");
  if (!cell || !word) return;
  const day = cell.parentElement.firstElementChild.textContent;
  const hour = String(cell.cellIndex - 1).padStart(2, "0");
  const count = Number(cell.dataset.n || 0);
  word.textContent = t("disk.cell", { day, hour, n: count });
});
