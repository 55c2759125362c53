// One line of the list: what it is of, how far it is, and what can be done with it.

import { setAttribute, setHidden, setText } from "../dom.js";
import { duration, number, percent, range, size } from "../format.js";
import { t } from "../text.js";
import { kindOf, optionWords } from "./wish.js";

const { mayMake, mayDelete, mayLink } = document.body.dataset;

export function showRow(row, process, cameraName) {
  const part = (name) => row.querySelector(name);
  const { status } = process;
  const isDone = status === "done";
  setText(part(".badge"), t(`processes.kind_${process.type}`));
  setText(part(".what"), cameraName);
  setText(part(".range"), range(process.start, process.end));
  setText(part(".options"), optionWords(process));
  setHidden(part(".options"), !part(".options").textContent);
  const bar = part("progress");
  setHidden(bar, !process.running);
  if (status === "queued") bar.removeAttribute("value");
  else bar.value = process.progress;
  setAttribute(bar, "aria-label", t("processes.progress", { name: cameraName }));
  setText(part(".status"), row.dataset.problem ? `${row.dataset.problem}.` : words(process));
  setAttribute(row, "data-status", status);
  setHidden(part(".play"), !isDone || kindOf(process) !== "video");
  setHidden(part(".download"), !isDone);
  setAttribute(part(".download"), "href", isDone ? process.link : null);
  setHidden(part(".link"), !isDone || !mayLink);
  setHidden(part(".cancel"), !process.running || !mayMake);
  setHidden(part(".again"), !["failed", "cancelled"].includes(status) || !mayMake);
  setHidden(part(".delete"), process.running || !mayDelete);
}

function words(process) {
  const images = t("processes.images", { n: process.frames });
  switch (process.status) {
    case "queued":
      return t("processes.queued", { images });
    case "running": {
      const share = percent(Math.floor(process.progress * 100) / 100);
      return process.eta === null
        ? t("processes.running", { share, images })
        : t("processes.running_left", { share, images, duration: duration(process.eta) });
    }
    case "done": {
      const much = process.frames ? [images, size(process.size)] : [size(process.size)];
      if (process.missing) much.push(t("processes.missing", { n: process.missing }));
      return much.join(" · ");
    }
    case "failed":
      return t("processes.failed", { error: (process.error || t("processes.log_says")).replace(/\.$/, "") });
    default:
      return t("processes.cancelled");
  }
}
