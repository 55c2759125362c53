// The page of videos and archives. The list comes in parts of fifty; what changes is pushed.

import { get, listen } from "../api.js";
import { cameraName } from "../format.js";
import { teller } from "../trouble.js";
import { offerCameras, startForm } from "./form.js";
import { startList } from "./list.js";

const trouble = teller("cameras");
const list = startList();

async function start() {
  try {
    const answer = await get("/cameras");
    trouble(null);
    for (const camera of answer.cameras) camera.name = cameraName(camera);
    offerCameras(answer);
    list.nameCameras(answer.cameras);
  } catch (error) {
    trouble(error);
    setTimeout(start, 3000);
  }
}

startForm();
start();
listen("/convert/events?limit=0", list.events, teller("processes"));
