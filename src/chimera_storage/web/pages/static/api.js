// Requests to this server; an error becomes an Error with the server's own sentence.

// The path below which a proxy shows the server; addresses in answers already begin with it.
export const root = document.documentElement.dataset.root || "";

async function sentence(response) {
  try {
    return (await response.json()).error || `the server answered ${response.status}`;
  } catch {
    return `the server answered ${response.status}`;
  }
}

async function answered(response) {
  if (response.status === 401) location.reload(); // the log-in has expired: to the log-in page
  if (!response.ok) throw new Error(await sentence(response));
  return response;
}

export async function get(route) {
  return (await answered(await fetch(root + route, { headers: { accept: "application/json" } }))).json();
}

// The whole response, as createVideo and createZip answer with JSON or with the file itself.
export async function send(route, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  return answered(await fetch(root + route, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function post(route, body) {
  return (await send(route, body)).json();
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
