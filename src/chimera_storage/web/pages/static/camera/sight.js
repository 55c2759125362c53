// What the detector finds, picture by picture: a chart of the last minute, and boxes over the picture.

import { get, repeat } from "../api.js";
import { setText } from "../dom.js";
import { locale, number } from "../format.js";
import { t } from "../text.js";
import { teller } from "../trouble.js";
import { drawNoise } from "./noise.js";

const SHOWN_MS = 60_000;
const EVERY_MS = 500;
const GAP_MS = 3000; // the line is broken where no picture came for so long
const [WIDE, HIGH, LEAST] = [600, 160, 1e-4]; // of the chart, and the score at its bottom
const SVG = "http://www.w3.org/2000/svg";
const share = new Intl.NumberFormat(locale, { style: "percent", maximumSignificantDigits: 2 });

const chart = document.getElementById("chart");
const boxes = document.getElementById("boxes");

// Scores from 0.01 % to 100 % on a logarithmic scale; nothing at all is the bottom.
const high = (score) => (score <= LEAST ? HIGH - 4 : HIGH - 4 - (1 - Math.log10(score) / Math.log10(LEAST)) * (HIGH - 12));

// `follow(moves)` is told with each answer whether there are boxes.
export function startSight(camera, showState, follow) {
  let scores = [];
  const line = chart.appendChild(document.createElementNS(SVG, "path"));
  const limit = chart.appendChild(document.createElementNS(SVG, "line"));
  limit.setAttribute("class", "limit");

  function draw(now, threshold) {
    const x = (ms) => WIDE - ((now - ms) / SHOWN_MS) * WIDE;
    const begins = (n) => n === 0 || scores[n][0] - scores[n - 1][0] > GAP_MS;
    const point = ([ms, score], n) => `${begins(n) ? "M" : "L"}${x(ms).toFixed(1)},${high(score).toFixed(1)}`;
    line.setAttribute("d", scores.map(point).join(""));
    const y = high(threshold);
    for (const [name, value] of Object.entries({ x1: 0, x2: WIDE, y1: y, y2: y })) limit.setAttribute(name, value);
  }

  function drawBoxes({ width, height, boxes: found }) {
    boxes.setAttribute("viewBox", `0 0 ${width || 16} ${height || 9}`);
    boxes.replaceChildren(
      ...found.map(([x, y, w, h]) => {
        const rect = document.createElementNS(SVG, "rect");
        for (const [name, value] of Object.entries({ x, y, width: w, height: h })) rect.setAttribute(name, value);
        return rect;
      }),
    );
  }

  return {
    start(thresholdNow) {
      repeat(
        async () => {
          const since = scores.length ? scores.at(-1)[0] : Date.now() - SHOWN_MS;
          const sight = await get(`/cameras/${camera}/sight?since=${Math.max(0, since)}`);
          scores = [...scores, ...sight.scores].filter(([ms]) => ms > sight.now - SHOWN_MS);
          draw(sight.now, thresholdNow());
          drawBoxes(sight);
          follow(sight.boxes.length > 0);
          drawNoise(sight.noise);
          showState(sight.state);
          setText(document.getElementById("score"), share.format(sight.score));
          setText(document.getElementById("floor"), sight.floor === null ? "–" : t("camera.of_255", { number: number(sight.floor) }));
          setText(document.getElementById("moves"), t(sight.score >= thresholdNow() ? "camera.yes" : "camera.no"));
        },
        EVERY_MS,
        teller("sight"),
      );
    },
  };
}
