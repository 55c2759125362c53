// On every page: moments that the server wrote are shown in the reader's own form.

import { moment } from "./format.js";

for (const element of document.querySelectorAll("time[data-ms]")) {
  element.textContent = moment(Number(element.dataset.ms), element.dataset.style);
}
