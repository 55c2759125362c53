// The page's colours as a canvas takes them, in light and dark.

const names = ["surface", "sunken", "line", "strong-line", "text", "quiet", "accent", "accent-soft", "motion", "good"];
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

export let colours = read();

function read() {
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  return found;
}

export function onColours(listener) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours = read();
    listener();
  });
}
