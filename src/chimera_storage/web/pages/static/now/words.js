// A camera's state in words, and the light that goes with it.

import { duration, time } from "../format.js";
import { t } from "../text.js";

export function light(camera) {
  if (camera.recording) return "recording";
  if (camera.state === "connected") return camera.health === "ok" ? "watching" : "failed";
  return ["failed", "paused"].includes(camera.state) ? camera.state : "quiet";
}

export function words(camera, now) {
  if (!camera.recorded) return t("now.state_foreign");
  switch (camera.state) {
    case "connected":
      if (camera.health !== "ok") {
        return t(`now.health_${camera.health}`, { time: time(camera.healthSince, now) });
      }
      return camera.recording && camera.recordingSince !== null
        ? t("now.state_recording", { time: time(camera.recordingSince, now) })
        : t("now.state_watching", { time: time(camera.since, now) });
    case "failed": {
      const problem = camera.problem || t("now.no_answer");
      const lasts = duration((now - camera.since) / 1000);
      return t("now.state_failed", { duration: lasts, problem: problem.replace(/\.$/, "") });
    }
    case "ended":
      return t("now.state_ended", { time: time(camera.since, now) });
    case "paused":
      return t("now.state_paused");
    case "starting":
      return t("now.state_starting");
    default:
      return t("now.state_stopped");
  }
}
