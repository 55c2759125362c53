// The line at the head of a page that says what does not work, until it works again.

import { setHidden, setText } from "./dom.js";
import { t } from "./text.js";

const line = document.getElementById("trouble");
const troubles = new Map();

// A function for `repeat` and `listen` of api.js: it is told an Error, or null once all is well.
export function teller(topic) {
  return (error) => {
    if (error) console.warn(topic, error.message);
    troubles.set(topic, error);
    const worst = [...troubles.values()].find(Boolean);
    setHidden(line, !worst);
    if (!worst) return;
    const unreachable = worst instanceof TypeError; // what fetch throws where nobody answers
    setText(line, unreachable ? t("common.unreachable") : `${worst.message}.`);
  };
}
