// The network searched for ONVIF cameras, one chosen, logged in to, and one of its streams taken.

import { post } from "../api.js";
import { t } from "../text.js";

const dialog = document.getElementById("network");
const said = document.getElementById("network-said");
const found = document.getElementById("found");
const streams = document.getElementById("streams");
const login = document.getElementById("login");
const bar = document.getElementById("searching");
let camera = null;

// `take({ url, name })` gets the address of the chosen stream, user and password in it.
export function startNetwork(take) {
  document.getElementById("search").addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  document.getElementById("ask-network").addEventListener("submit", search);
  login.addEventListener("submit", (event) => ask(event, take));
}

async function search(event) {
  event.preventDefault();
  const address = event.target.elements.address.value.trim();
  login.hidden = true;
  found.replaceChildren();
  streams.replaceChildren();
  await waiting(t("cameras.searching"), async () => {
    const { cameras } = await post("/cameras/discover", address ? { address } : {});
    found.replaceChildren(...cameras.map((one) => choice(one.name, one.host, () => choose(one))));
    return t("cameras.found", { n: cameras.length });
  });
}

function choose(one) {
  camera = one;
  streams.replaceChildren();
  login.hidden = false;
  document.getElementById("login-title").textContent = `${one.name} (${one.host})`;
  login.elements.user.focus();
}

async function ask(event, take) {
  event.preventDefault();
  const [user, password] = [login.elements.user.value, login.elements.password.value];
  streams.replaceChildren();
  await waiting(t("cameras.asking"), async () => {
    const answer = await post("/cameras/streams", { service: camera.service, user, password });
    streams.replaceChildren(
      ...answer.streams.map((stream) =>
        choice(stream.name, `${stream.width} × ${stream.height} ${stream.encoding}`, () => {
          dialog.close();
          take({ url: withLogin(stream.url, user, password), name: camera.name });
        }),
      ),
    );
    return t("cameras.streams_found", { n: answer.streams.length });
  });
}

async function waiting(text, task) {
  said.classList.remove("error");
  said.textContent = text;
  bar.hidden = false;
  try {
    said.textContent = await task();
  } catch (error) {
    said.classList.add("error");
    said.textContent = error.message;
  }
  bar.hidden = true;
}

function choice(name, more, act) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button" });
  button.append(name, Object.assign(document.createElement("span"), { className: "quiet small", textContent: more }));
  button.addEventListener("click", act);
  item.append(button);
  return item;
}

export function withLogin(url, user, password) {
  if (!user) return url;
  const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return url.replace("://", `://${encoded(user)}:${encoded(password)}@`);
}
