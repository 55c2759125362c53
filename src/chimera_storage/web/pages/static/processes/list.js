// The list of videos and archives: the newest, with a filter; older ones when asked for.

import { get, post } from "../api.js";
import { ask } from "../ask.js";
import { keep, setHidden, setText } from "../dom.js";
import { number, range, size } from "../format.js";
import { t } from "../text.js";
import { teller } from "../trouble.js";
import { handOut } from "./hand_out.js";
import { play } from "./player.js";
import { showRow } from "./row.js";
import { kindOf, routeAndBody } from "./wish.js";

const PART = 50;
const parent = document.getElementById("processes");
const template = document.getElementById("process-row");
const none = document.getElementById("no-process");
const older = document.getElementById("older");
const filter = document.getElementById("filter");
const trouble = teller("list");

let names = null; // camera -> name
let known = new Map(); // id -> process, the newest first
let total = 0;
let wanted = PART;
let asking = 0; // number of the newest question; answers to others are old
let meanwhile = []; // what was pushed while an answer is on its way, which may not know it

export function startList() {
  older.addEventListener("click", () => load(wanted + PART));
  filter.addEventListener("change", () => load(PART));
  filter.addEventListener("submit", (event) => event.preventDefault());
  return { events, nameCameras };
}

// What GET /convert/events sends. `list` comes with each connection: what was missed is asked for.
const events = {
  list: () => load(wanted),
  process: (process) => changed(() => put(process)),
  deleted: ({ id }) => changed(() => remove(id)),
};

function nameCameras(cameras) {
  names = new Map(cameras.map(({ id, name }) => [id, name]));
  const select = filter.elements.camera;
  for (const { id, name } of cameras) select.append(new Option(name, id));
  show();
}

async function load(count) {
  const mine = ++asking;
  wanted = count;
  meanwhile = [];
  const query = new URLSearchParams({ limit: count });
  for (const name of ["camera", "type"]) {
    if (filter.elements[name].value) query.set(name, filter.elements[name].value);
  }
  try {
    const answer = await get(`/convert/listProcess?${query}`);
    if (mine !== asking) return;
    trouble(null);
    known = new Map(answer.list.map((process) => [process.id, process]));
    total = answer.total;
    for (const change of meanwhile) change();
    asking = 0;
    parent.removeAttribute("aria-busy");
    show();
  } catch (error) {
    if (mine === asking) trouble(error);
  }
}

function changed(change) {
  if (asking) meanwhile.push(change);
  change();
  show();
}

function put(process) {
  const { camera, type } = filter.elements;
  if (camera.value && Number(camera.value) !== process.camera) return;
  if (type.value && type.value !== process.type) return;
  if (known.has(process.id)) {
    known.set(process.id, process);
  } else if (process.status === "queued" || process.status === "running") {
    known = new Map([[process.id, process], ...known]);
    total += 1;
  }
}

function remove(id) {
  if (known.delete(id)) total -= 1;
}

function show() {
  if (parent.hasAttribute("aria-busy") || names === null) return; // not all is known yet
  const list = [...known.values()];
  const isFiltered = filter.elements.camera.value || filter.elements.type.value;
  setHidden(none, list.length > 0);
  setText(none, isFiltered ? t("processes.none_such") : t("processes.none"));
  setHidden(filter, !isFiltered && list.length === 0);
  setHidden(older, list.length >= total);
  setText(document.getElementById("total"), list.length < total
    ? t("processes.shown_of", { shown: number(list.length), n: total }) : t("processes.shown", { n: total }));
  const rows = keep(parent, list, (process) => process.id, template, begin);
  rows.forEach((row, i) => showRow(row, list[i], nameOf(list[i])));
}

const nameOf = (process) => names.get(process.camera) || t("common.camera", { number: process.camera });

function begin(row, id) {
  const on = (name, act) => row.querySelector(name).addEventListener("click", act);
  const title = () => `${nameOf(known.get(id))}, ${range(known.get(id).start, known.get(id).end)}`;
  on(".cancel", () => act(row, () => post("/convert/cancelProcess", { id })));
  on(".again", () => act(row, () => post(...routeAndBody(known.get(id)))));
  on(".play", () => play(known.get(id), title()));
  on(".link", () => handOut(id));
  on(".delete", async () => {
    if (await mayDelete(known.get(id), title())) await act(row, () => post("/convert/deleteProcess", { id }));
  });
}

function mayDelete(process, title) {
  const isVideo = kindOf(process) === "video";
  const much = process.size ? t("processes.delete_much", { size: size(process.size) }) : t("processes.delete_no_file");
  return ask({
    title: isVideo ? t("processes.delete_video") : t("processes.delete_archive"),
    text: [title, `${much} ${t("processes.images_stay")}`],
    action: t("processes.delete"),
    cancel: t("processes.keep_it"),
  });
}

async function act(row, task) {
  const buttons = [...row.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    await task();
    delete row.dataset.problem;
  } catch (error) {
    row.dataset.problem = error.message;
  }
  for (const button of buttons) button.disabled = false;
  show();
}
