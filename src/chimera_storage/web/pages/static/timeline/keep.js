// Keeping a range from all rules, and letting go of it.

import { post } from "../api.js";
import { ask } from "../ask.js";
import { t } from "../text.js";
import { say } from "./said.js";

export async function keepRange(wish, text, onChange) {
  const label = document.createElement("label");
  label.className = "field";
  label.append(t("timeline.reason"));
  const reason = document.createElement("input");
  reason.maxLength = 200;
  reason.autocomplete = "off";
  label.append(reason);
  const lines = [text, t("timeline.keep_text"), label];
  if (!(await ask({ title: t("timeline.keep_title"), text: lines, action: t("timeline.keep"), danger: false }))) return;
  try {
    await post("/file/createKeep", { ...wish, reason: reason.value.trim() });
    await onChange();
    say(t("timeline.is_kept"), "good");
  } catch (error) {
    say(error.message, "error");
  }
}

export async function letGo(id, onChange) {
  const asked = { title: t("timeline.let_go_title"), text: t("timeline.let_go_text"), action: t("timeline.let_go"), danger: false };
  if (!(await ask(asked))) return;
  try {
    await post("/file/deleteKeep", { id });
    await onChange();
    say(t("timeline.is_let_go"), "good");
  } catch (error) {
    say(error.message, "error");
  }
}
