// Makes a signed link for somebody without an account, and copies it where the browser lets it.

import { post } from "../api.js";
import { setHidden, setText } from "../dom.js";
import { t } from "../text.js";

const dialog = document.getElementById("hand-out");
const part = (name) => dialog.querySelector(name);
let id = null;

part(".close").addEventListener("click", () => dialog.close());
part(".do").addEventListener("click", make);
part("[name=hours]").addEventListener("change", () => setHidden(part(".made"), true));

export function handOut(processId) {
  id = processId;
  setHidden(part(".made"), true);
  say("");
  dialog.showModal();
}

function say(text, kind = "") {
  setText(part("output"), text);
  part("output").dataset.kind = kind;
}

async function make() {
  const address = part("[name=address]");
  part(".do").disabled = true;
  try {
    if (part(".made").hidden) {
      const made = await post("/links", { process: id, validHours: part("[name=hours]").value });
      address.value = new URL(made.url, location.href).href;
      setHidden(part(".made"), false);
    }
    address.select();
    say(await copied(address.value) ? t("processes.link_copied") : t("processes.link_select"), "good");
  } catch (error) {
    say(`${error.message}.`, "error");
  }
  part(".do").disabled = false;
}

// Only pages that came by HTTPS, or from this machine, may write to the clipboard.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
