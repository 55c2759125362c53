// The fields of a camera's form, each bound to the key of the settings that it is named after.

import { locale } from "../format.js";

const forms = document.querySelectorAll("[data-settings]");
const threshold = document.getElementById("threshold");
const auto = document.getElementById("noise-auto");
const noise = document.getElementById("noise");
const share = new Intl.NumberFormat(locale, { style: "percent", maximumSignificantDigits: 2 });

// Tells `changed` after each change. `show(settings)` fills the fields in; from then on those settings
// are what they change.
export function startFields(changed) {
  let settings = null;
  const place = (name) => {
    const [section, key] = name.includes(".") ? name.split(".") : [null, name];
    return [section ? settings[section] : settings, key];
  };

  function read(field) {
    const [of, key] = place(field.name);
    const text = field.value.trim();
    if (field.type === "number") {
      if (!field.validity.valid) return;
      of[key] = text === "" ? null : Number(text);
    } else of[key] = text === "" && key === "detect_url" ? null : text;
  }

  function showThreshold() {
    const value = settings.motion.threshold;
    threshold.setAttribute("aria-valuetext", share.format(value));
    document.getElementById("threshold-said").textContent = share.format(value);
  }

  for (const form of forms) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", ({ target }) => {
      if (target.name) read(target);
      changed();
    });
  }
  threshold.addEventListener("input", () => {
    settings.motion.threshold = Number((10 ** Number(threshold.value)).toPrecision(2));
    showThreshold();
  });
  const readNoise = () => {
    document.getElementById("noise-field").hidden = auto.checked;
    if (noise.validity.valid && noise.value) settings.motion.noise_level = auto.checked ? "auto" : Number(noise.value);
  };
  for (const field of [auto, noise]) field.addEventListener("input", readNoise);

  return {
    show(next) {
      settings = next;
      for (const form of forms) {
        for (const field of form.elements) {
          if (!field.name) continue;
          const [of, key] = place(field.name);
          field.value = of[key] ?? "";
        }
      }
      threshold.value = Math.log10(settings.motion.threshold);
      showThreshold();
      auto.checked = settings.motion.noise_level === "auto";
      noise.value = auto.checked ? 15 : settings.motion.noise_level;
      document.getElementById("noise-field").hidden = auto.checked;
    },
  };
}
