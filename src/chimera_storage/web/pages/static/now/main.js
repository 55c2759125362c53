// The page at /: asks the server every two seconds and shows what changed.

import { get, repeat } from "../api.js";
import { setHidden, setText } from "../dom.js";
import { cameraName, duration, percent, size } from "../format.js";
import { t } from "../text.js";
import { teller } from "../trouble.js";
import { showCameras } from "./cards.js";
import { startLarge } from "./large.js";

const storage = document.getElementById("storage");

async function cameras() {
  const answer = await get("/cameras");
  for (const camera of answer.cameras) camera.name = cameraName(camera);
  showCameras(answer);
  showStorage(answer.storage);
}

function showStorage({ problem, complete, progress, takenIn }) {
  setHidden(storage, !problem && complete);
  if (problem) setText(storage, t("now.unsaved", { problem: problem.replace(/\.$/, "") }));
  else setText(storage, t("now.taking_in", { percent: percent(progress), n: takenIn }));
}

async function usage() {
  const { used_gb: used, max_gb: quota, disk, forecast } = await get("/usage");
  const taken = { used: size(used * 1e9) };
  const parts = [
    quota ? t("now.used_of", { ...taken, quota: size(quota * 1e9) }) : t("now.used", taken),
    t("now.free", { free: size(disk.free) }),
  ];
  if (forecast && forecast.full !== null && forecast.heldBy === null) {
    parts.push(t("now.full_in", { duration: duration((forecast.full - Date.now()) / 1000) }));
  }
  setText(document.getElementById("usage"), parts.join(" · "));
}

startLarge();
repeat(cameras, 2000, teller("cameras"));
repeat(usage, 10000, teller("usage"));
