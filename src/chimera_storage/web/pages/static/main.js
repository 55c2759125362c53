// The page at /: asks the server every two seconds, hears of videos and archives, shows what changed.

import { get, listen, repeat } from "./api.js";
import { showCameras } from "./cameras.js";
import { setHidden, setText } from "./dom.js";
import { duration, size } from "./format.js";
import { offerCameras, startMaker } from "./maker.js";
import { nameCameras, processEvents } from "./processes.js";

const trouble = document.getElementById("trouble");
const storage = document.getElementById("storage");
const troubles = new Map();

function teller(topic) {
  return (error) => {
    if (error) console.warn(topic, error.message);
    troubles.set(topic, error);
    const worst = [...troubles.values()].find(Boolean);
    setHidden(trouble, !worst);
    if (!worst) return;
    const unreachable = worst instanceof TypeError; // what fetch throws where nobody answers
    setText(trouble, unreachable ? "The server does not answer. Trying again …" : `${worst.message}.`);
  };
}

async function cameras() {
  const answer = await get("/cameras");
  nameCameras(new Map(answer.cameras.map(({ id, name }) => [id, name])));
  showCameras(answer);
  offerCameras(answer);
  showStorage(answer.storage);
}

function showStorage({ problem, complete, progress, takenIn }) {
  setHidden(storage, !problem && complete);
  if (problem) setText(storage, `Nothing is saved now: ${problem}.`.replace("?.", "?"));
  else setText(storage, `Images on the disk are being taken in: ${Math.floor(progress * 100)} %, ${takenIn} new so far.`);
}

async function usage() {
  const { used_gb: used, max_gb: quota, disk, forecast } = await get("/usage");
  const parts = [`${size(used * 1e9)} used${quota ? ` of ${size(quota * 1e9)}` : ""}`, `${size(disk.free)} free on the disk`];
  if (forecast && forecast.full !== null && forecast.heldBy === null) {
    parts.push(`full in about ${duration((forecast.full - Date.now()) / 1000)} at the present rate`);
  }
  setText(document.getElementById("usage"), parts.join(" · "));
}

repeat(cameras, 2000, teller("cameras"));
repeat(usage, 10000, teller("usage"));
listen("/convert/events", processEvents, teller("processes"));
startMaker();
