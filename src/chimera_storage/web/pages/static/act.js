// What a page's forms and buttons do, said in their attributes, so that pages need no code for it:
//
//   <form data-post="/users">                       its fields are sent as JSON
//   <button data-post="/users/remove" data-body="…JSON…"
//           data-title="…" data-text="…" data-action="…">     asks first where there is a title
//   <… data-secret="token" data-secret-title="…">   the answer's field, shown once, to be copied
//   <form … data-said="Saved.">                     what its <output> says when it is done
//   <… data-wait="Deleting …">                      a dialog says so for as long as it takes
//
// After it the parts of the page that have data-live are taken anew from the server, which alone
// draws them. What went wrong is said in the form's <output>, else in #trouble.

import { post, reach } from "./api.js";
import { ask } from "./ask.js";
import { moment } from "./format.js";
import { t } from "./text.js";

export function startActing() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.post) return;
    event.preventDefault();
    act(form, () => bodyOf(form));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-post]");
    if (button) act(button, () => JSON.parse(button.dataset.body || "{}"));
    const copied = event.target.closest("button[data-copy]");
    if (copied) copy(copied);
    const closed = event.target.closest("button[data-close]");
    if (closed) closed.closest("dialog").close();
  });
}

async function act(element, body) {
  const { post: route, title, text, action } = element.dataset;
  const said = element.querySelector("output") || document.getElementById("trouble");
  const buttons = [element, ...element.querySelectorAll("button")].filter((e) => "disabled" in e);
  say(said, "");
  if (title && !(await ask({ title, text: (text || "").split("\n").filter(Boolean), action }))) return;
  for (const button of buttons) button.disabled = true;
  const waiting = element.dataset.wait ? showWaiting(element.dataset.wait) : null;
  try {
    const answer = await post(route, body());
    await refresh();
    if (element.dataset.secret) showSecret(element.dataset, answer);
    if (element.dataset.said) done(element, said);
  } catch (error) {
    say(said, sentence(error.message));
  }
  waiting?.close();
  for (const button of buttons) button.disabled = false;
}

// Fields as JSON; numbers stay text, which the server reads. Hidden ones and empty ones are left out.
function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || (field.type !== "hidden" && !field.checkVisibility())) continue;
    if (field.type === "checkbox" && field.dataset.list !== undefined) {
      body[field.name] ??= [];
      if (field.checked) body[field.name].push(Number(field.value));
    } else if (field.type === "checkbox" && field.value === "all") {
      if (field.checked) body[field.name] = "all"; // the list of which is hidden then
    } else if (field.type === "checkbox") body[field.name] = field.checked;
    else if (field.type !== "radio" || field.checked) {
      if (field.value.trim() !== "") body[field.name] = field.value;
    }
  }
  return body;
}

function showWaiting(text) {
  const dialog = document.createElement("dialog");
  const words = Object.assign(document.createElement("p"), { textContent: text, id: "waiting" });
  const bar = document.createElement("progress");
  for (const part of [dialog, bar]) part.setAttribute("aria-labelledby", words.id);
  dialog.append(words, bar);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function done(form, said) {
  form.reset();
  said.textContent = form.dataset.said;
  said.dataset.kind = "good";
}

export function say(element, text) {
  element.textContent = text;
  if (element.id === "trouble") element.hidden = !text;
  else element.dataset.kind = text ? "error" : "";
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");

// Draws the live parts anew.
export async function refresh() {
  const answer = await reach(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected) return location.reload(); // logged out by what was done
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next) part.replaceWith(document.adoptNode(next));
  }
  for (const time of document.querySelectorAll("[data-live] time[data-ms]")) {
    time.textContent = moment(Number(time.dataset.ms), time.dataset.style);
  }
}

function showSecret({ secret, secretTitle, secretText }, answer) {
  const text = secret === "url" ? new URL(answer.url, location.origin).href : answer[secret];
  const dialog = document.createElement("dialog");
  dialog.className = "secret";
  dialog.setAttribute("aria-labelledby", "secret-title");
  const heading = Object.assign(document.createElement("h2"), { id: "secret-title", textContent: secretTitle });
  const words = Object.assign(document.createElement("p"), { textContent: secretText });
  const field = Object.assign(document.createElement("input"), { readOnly: true, value: text });
  field.setAttribute("aria-label", secretTitle);
  field.addEventListener("focus", () => field.select());
  const actions = Object.assign(document.createElement("div"), { className: "actions" });
  const copying = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: t("common.copy") });
  copying.dataset.copy = "";
  const done = Object.assign(document.createElement("button"), { type: "button", className: "button primary", textContent: t("common.done") });
  done.dataset.close = "";
  actions.append(copying, done);
  dialog.append(heading, words, field, actions);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// The clipboard is there behind HTTPS and on this machine only; else the text is selected for it.
async function copy(button) {
  const field = button.closest("dialog").querySelector("input");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = t("common.copied");
  } catch {
    field.focus();
  }
}

