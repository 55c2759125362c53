// Images one after the other above the page: by keys, buttons and swipes; the neighbours are loaded
// beforehand. The address names the image that is shown, and going back closes the viewer.

import { moment, size } from "../format.js";
import { t } from "../text.js";

const LEAST_SWIPE_PX = 50;

export function startViewer(links) {
  const dialog = document.getElementById("viewer").content.firstElementChild;
  document.body.append(dialog);
  const part = (name) => dialog.querySelector(`.viewer-${name}`);
  const image = dialog.querySelector("img");
  const names = links.map((link) => nameOf(link));
  let at = -1;

  function open(place) {
    if (!dialog.open) {
      dialog.showModal();
      history.pushState({ viewer: true }, "", `#${names[place]}`);
    }
    show(place);
  }

  async function show(place) {
    if (place < 0 || place >= links.length) return turn(place < 0 ? "prev" : "next");
    at = place;
    history.replaceState(history.state, "", `#${names[at]}`);
    const link = links[at];
    const time = link.querySelector("time");
    part("time").textContent = moment(Number(time.dataset.ms), "medium");
    const position = t("folder.position", { number: at + 1, n: links.length });
    part("more").textContent = `${size(Number(link.dataset.size))} · ${position}`;
    part("previous").disabled = at === 0 && !pageLink("prev");
    part("next").disabled = at === links.length - 1 && !pageLink("next");
    part("download").href = link.href.replace(/\?inline$/, "");
    part("gone").hidden = true;
    image.alt = time.textContent;
    const small = link.querySelector("img");
    image.src = small.currentSrc || `${small.dataset.src}?width=160`;
    const whole = new Image();
    whole.src = link.href;
    try {
      await whole.decode();
    } catch {
      if (at !== place) return;
      part("gone").hidden = false;
      image.removeAttribute("src");
      image.alt = "";
      return;
    }
    if (at !== place) return; // somebody went on meanwhile
    image.src = whole.src;
    for (const next of [at + 1, at - 1]) {
      if (links[next]) new Image().src = links[next].href;
    }
  }

  // To the page before or after this one, where its last or first image is opened.
  function turn(rel) {
    const link = pageLink(rel);
    if (!link) return;
    location.replace(`${link.href}#${rel === "next" ? "first" : "last"}`);
  }

  function close() {
    if (history.state?.viewer) history.back();
    else {
      history.replaceState(null, "", location.pathname + location.search);
      dialog.close();
    }
  }

  links.forEach((link, place) => {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(place);
    });
  });
  part("previous").addEventListener("click", () => show(at - 1));
  part("next").addEventListener("click", () => show(at + 1));
  part("close").addEventListener("click", close);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("close", () => {
    image.removeAttribute("src");
    links[at]?.focus();
    links[at]?.scrollIntoView({ block: "nearest" });
    at = -1;
  });
  addEventListener("popstate", follow);
  // Of the whole page: a button that had the focus and is now disabled hears no keys.
  document.addEventListener("keydown", (event) => {
    if (!dialog.open) return;
    const places = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    show(places[event.key]);
  });
  swipes(dialog, (steps) => show(at + steps));

  // What the address names is shown: when the page comes, and when somebody goes back or forth.
  function follow() {
    const ends = { "#first": 0, "#last": links.length - 1 };
    const place = ends[location.hash] ?? names.indexOf(location.hash.slice(1));
    if (place < 0) return dialog.close();
    if (!dialog.open) dialog.showModal();
    if (place !== at || location.hash in ends) show(place);
  }
  follow();
}

const pageLink = (rel) => document.querySelector(`.paging a[rel=${rel}]`);
const nameOf = (link) => new URL(link.href).pathname.split("/").pop();

function swipes(element, turn) {
  let begin = null;
  element.addEventListener("touchstart", ({ touches }) => {
    begin = touches.length === 1 ? { x: touches[0].clientX, y: touches[0].clientY } : null;
  }, { passive: true });
  element.addEventListener("touchend", ({ changedTouches }) => {
    if (!begin || visualViewport.scale > 1.01) return;
    const [x, y] = [changedTouches[0].clientX - begin.x, changedTouches[0].clientY - begin.y];
    begin = null;
    if (Math.abs(x) >= LEAST_SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) turn(x < 0 ? 1 : -1);
  }, { passive: true });
}
