// What is said below the range: what was done with it, or what went wrong.

import { setAttribute, setText } from "../dom.js";

const said = document.getElementById("range-said");

export function say(text, kind = null) {
  setText(said, text);
  setAttribute(said, "data-kind", kind);
}
