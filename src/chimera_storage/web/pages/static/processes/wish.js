// What somebody asked to be made: in words, and as the request that asks for it again.

import { number } from "../format.js";
import { t } from "../text.js";

export const kindOf = (process) => (["zip", "tar"].includes(process.type) ? "archive" : "video");

const CODECS = { h264: "H.264", h265: "H.265", av1: "AV1" };

// Only what is not as usual, except the pace of a video: "25 images per second · 720 px high".
export function optionWords(process) {
  const { options } = process;
  const words = [];
  if (kindOf(process) === "video") {
    words.push(options.pace ? t(`processes.pace_${options.pace}`) : t("processes.per_second", { n: process.fps }));
  }
  if (process.skip > 1) words.push(t("processes.every", { number: number(process.skip) }));
  if (options.height) words.push(t("processes.high", { height: options.height }));
  if (options.quality) words.push(`${t("processes.quality")}: ${t(`processes.quality_${options.quality}`)}`);
  if (options.codec) words.push(CODECS[options.codec] || t("processes.codec_mjpeg"));
  if (options.timestamps) words.push(t("processes.timestamps"));
  if (options.manifest) words.push(t("processes.manifest"));
  return words.join(" · ");
}

// [route, body] of createVideo or createZip with the same wish.
export function routeAndBody({ type, camera, start, end, fps, skip, options, ...process }) {
  const isVideo = kindOf({ type, ...process }) === "video";
  const body = { camera, start, end, skip, format: type, ...options };
  return isVideo ? ["/convert/createVideo", { ...body, fps }] : ["/convert/createZip", body];
}
