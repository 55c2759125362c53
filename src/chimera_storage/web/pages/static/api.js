// Requests to this server; an error becomes an Error with the server's own sentence, or one in the
// reader's language where none came: a TypeError, as fetch throws it, where nobody answers.

import { t } from "./text.js";

// The path below which a proxy shows the server; addresses in answers already begin with it.
export const root = document.documentElement.dataset.root || "";

async function sentence(response) {
  try {
    const { error } = await response.json();
    if (error) return error;
  } catch {
    // no JSON: of a proxy before the server
  }
  return t("common.answered", { status: response.status });
}

export async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    throw new TypeError(t("common.no_answer"), { cause: error });
  }
}

async function answered(response) {
  // The log-in has expired: to the log-in page. (A wrong password is a 401 too, without this header.)
  if (response.status === 401 && response.headers.has("www-authenticate")) location.reload();
  if (!response.ok) throw new Error(await sentence(response));
  return response;
}

export async function get(route) {
  return (await answered(await reach(root + route, { headers: { accept: "application/json" } }))).json();
}

// The whole response, as createVideo and createZip answer with JSON or with the file itself.
export async function send(route, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  return answered(await reach(root + route, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function post(route, body) {
  return (await send(route, body)).json();
}

// The response to another method, as PUT and DELETE, with a body or without.
export async function change(method, route, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  return answered(await reach(root + route, { method, headers, body: body && JSON.stringify(body) }));
}

// Runs `task` again and again, `everyMs` after it ended, while the page is looked at.
// Returns a function that runs it now.
export function repeat(task, everyMs, onTrouble) {
  let timer = 0;
  let running = false;
  let again = false;
  async function run() {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      await task();
      onTrouble(null);
    } catch (error) {
      onTrouble(error);
    }
    running = false;
    if (again) {
      again = false;
      run();
    } else if (!document.hidden) {
      timer = setTimeout(run, everyMs);
    }
  }
  document.addEventListener("visibilitychange", () => document.hidden || run());
  run();
  return run;
}

// An EventSource does not tell why it was refused: asked again, to log in or to say it.
async function refused(address, onTrouble) {
  const over = new AbortController();
  try {
    await answered(await reach(address, { signal: over.signal }));
  } catch (error) {
    onTrouble(error);
  }
  over.abort();
}

// Server-sent events of a route, each given to the handler of its name, while the page is looked at:
// of the connections to one server a browser has only six for all of its tabs.
export function listen(route, handlers, onTrouble) {
  const againMs = 5000;
  let source = null;
  let timer = 0;
  function open() {
    close();
    if (document.hidden) return;
    source = new EventSource(root + route);
    source.onopen = () => onTrouble(null);
    source.onerror = () => {
      onTrouble(new TypeError(`no events from ${route}`));
      // A connection that was lost is opened again by the browser; one that was refused is not.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, againMs);
      refused(root + route, onTrouble);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
  }
  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }
  document.addEventListener("visibilitychange", open);
  open();
}
