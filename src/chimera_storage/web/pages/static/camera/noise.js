// Where the picture changes by itself, drawn over it: the stronger the colour, the more it takes to
// count as motion there; grey: nothing counts there, by a mask or because it moves nearly always.

const MOST = 35; // of 255: as much as flutter is ever granted beyond the floor
const NOTHING_COUNTS = 255;

const canvas = document.getElementById("noise-map");
const button = document.getElementById("show-noise");
const legend = document.getElementById("noise-legend");
let drawn = null;

export const isNoiseShown = () => button.getAttribute("aria-pressed") === "true";

button.addEventListener("click", () => {
  const shown = !isNoiseShown();
  button.setAttribute("aria-pressed", shown);
  canvas.hidden = legend.hidden = !shown;
});

// `noise` as GET /cameras/{camera}/sight has it.
export function drawNoise(noise) {
  if (!isNoiseShown() || !noise || noise.levels === drawn) return;
  drawn = noise.levels;
  const { columns, rows } = noise;
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const pixels = new ImageData(columns, rows);
  const levels = atob(noise.levels);
  for (let i = 0; i < levels.length; i += 1) {
    const level = levels.charCodeAt(i);
    const share = Math.min(1, level / MOST);
    pixels.data.set(level === NOTHING_COUNTS ? [16, 20, 26, 150] : [255, 122, 26, level ? 90 + 140 * share : 0], i * 4);
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
