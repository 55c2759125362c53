// What is looked at: the day, the cameras, the position, the chosen range, the part of the day that
// is shown. It stands in the address, so that a link leads to exactly this view, and back and forward
// work. Times are milliseconds since 1970.

const body = document.body.dataset;
export const today = body.today;
export const names = new Map(JSON.parse(body.cameras).map(({ id, name }) => [id, name]));

export const state = read();
const listeners = [];
const WRITE_AFTER_MS = 300;
let timer = 0;

function read() {
  const query = new URLSearchParams(location.search);
  const ms = (name) => (/^\d{1,15}$/.test(query.get(name) || "") ? Number(query.get(name)) : null);
  const ids = (query.get("cameras") || "").split(",").map(Number).filter((id) => names.has(id));
  const span = /^(\d{1,15})-(\d{1,15})$/.exec(query.get("view") || "");
  const [from, to] = [ms("from"), ms("to")];
  const isRange = from !== null && to !== null && from <= to;
  const active = query.has("camera") ? Number(query.get("camera")) : null;
  const cameras = ids.length ? [...new Set(ids)] : few(active);
  return {
    day: /^\d{4}-\d\d-\d\d$/.test(query.get("day") || "") ? query.get("day") : body.day,
    cameras,
    active: cameras.includes(active) ? active : null,
    at: ms("at"),
    from: isRange ? from : null,
    to: isRange ? to : null,
    view: span && Number(span[1]) < Number(span[2]) ? [Number(span[1]), Number(span[2])] : null,
    side: query.get("side") === "1" && cameras.length > 1,
  };
}

// Where no cameras are chosen: all, but of very many the one that is asked for, or the first.
function few(active) {
  const all = [...names.keys()];
  if (all.length <= Number(body.most)) return all;
  return names.has(active) ? [active] : all.slice(0, Number(body.most));
}

// The address of exactly this view.
export function address() {
  const query = new URLSearchParams({ day: state.day });
  if (state.cameras.length < names.size) query.set("cameras", state.cameras.join(","));
  if (state.active !== null) query.set("camera", state.active);
  if (state.at !== null) query.set("at", Math.round(state.at));
  if (state.from !== null) {
    query.set("from", Math.round(state.from));
    query.set("to", Math.round(state.to));
  }
  if (state.view) query.set("view", state.view.map(Math.round).join("-"));
  if (state.side) query.set("side", "1");
  return `${location.pathname}?${query.toString().replaceAll("%2C", ",")}`;
}

// Changes some of it and tells who listens which. `step`: going back leads to what was before.
export function change(changes, { step = false } = {}) {
  const changed = new Set(Object.keys(changes).filter((key) => !same(state[key], changes[key])));
  if (!changed.size) return;
  if (step) {
    clearTimeout(timer);
    history.replaceState(null, "", address());
  }
  Object.assign(state, changes);
  if (step) history.pushState(null, "", address());
  else write();
  tell(changed);
}

function write() {
  clearTimeout(timer);
  timer = setTimeout(() => history.replaceState(null, "", address()), WRITE_AFTER_MS);
}

// listen((changed) => …): `changed` is the set of the names that are different now.
export function listen(listener) {
  listeners.push(listener);
}

function tell(changed) {
  for (const listener of listeners) listener(changed);
}

function same(one, other) {
  return one === other || (Array.isArray(one) && Array.isArray(other) && one.join() === other.join());
}

window.addEventListener("popstate", () => {
  clearTimeout(timer);
  const before = { ...state };
  Object.assign(state, read());
  const changed = new Set(Object.keys(state).filter((key) => !same(before[key], state[key])));
  if (changed.size) tell(changed);
});
