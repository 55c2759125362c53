// Past motion with the question whether it was wanted; the answers are stored for `tune`.

import { get, post } from "../api.js";
import { moment } from "../format.js";
import { t } from "../text.js";

const SHOWN = 12;
const list = document.getElementById("events");
const trouble = document.getElementById("trouble");

export async function startEvents(camera) {
  const [{ list: events }, { marks }] = await Promise.all([
    get(`/motion/events?camera=${camera}&days=7&limit=1000`),
    get(`/cameras/${camera}/marks`),
  ]);
  const said = new Map(marks.map((mark) => [mark.start, mark.wanted]));
  const shown = events.filter((event) => event.best && event.end !== null).slice(-SHOWN).reverse();
  list.replaceChildren(...shown.map((event) => card(camera, event, said.get(event.start))));
  document.getElementById("no-events").hidden = shown.length > 0;
}

function card(camera, event, wanted) {
  const item = document.createElement("li");
  const picture = Object.assign(document.createElement("div"), { className: "picture" });
  const image = Object.assign(document.createElement("img"), { src: `${event.best.url}?width=320&inline`, loading: "lazy" });
  image.alt = t("camera.event_at", { time: moment(event.start) });
  picture.append(image);
  const when = Object.assign(document.createElement("p"), { className: "small figures", textContent: moment(event.start) });
  const tools = Object.assign(document.createElement("div"), { className: "toolbar" });
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", image.alt);
  const buttons = [true, false].map((value) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button" });
    button.textContent = t(value ? "camera.yes" : "camera.no");
    button.setAttribute("aria-pressed", wanted === value);
    button.addEventListener("click", () => answer(value));
    return button;
  });
  tools.append(...buttons);
  item.append(picture, when, tools);

  async function answer(value) {
    const next = wanted === value ? null : value; // pressed again: taken back
    try {
      await post(`/cameras/${camera}/marks`, { start: event.start, end: event.end, wanted: next });
      wanted = next;
      trouble.hidden = true;
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", wanted === (n === 0)));
  }
  return item;
}
