// Asks once before something is destroyed. The dialog says what goes and how much of it.

import { t } from "./text.js";

// ask({ title: "Delete this video?", text: ["Front door, 18:30 – 19:00", "It takes 2.5 MB."], action: "Delete" })
// is true only after a press of the button that does it; Escape and the other button are a no.
// `text` may hold elements too. `danger: false` where nothing is destroyed.
export function ask({ title, text, action, cancel = t("common.cancel"), danger = true }) {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  const heading = part("h2", title);
  heading.id = "ask-title";
  dialog.setAttribute("aria-labelledby", heading.id);
  const buttons = document.createElement("div");
  buttons.className = "actions";
  const no = button(cancel, "button");
  const yes = button(action, danger ? "button danger" : "button primary");
  buttons.append(no, yes);
  dialog.append(heading, ...[text].flat().map((line) => (line instanceof Node ? line : part("p", line))), buttons);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = false;
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => {
      answer = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.showModal();
    no.focus();
  });
}

function part(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function button(text, className) {
  const element = part("button", text);
  element.type = "button";
  element.className = className;
  return element;
}
