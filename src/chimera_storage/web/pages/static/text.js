// The texts of this page in its language. They stand in the page (base.html), of the catalogues in
// web/pages/texts/ those that the template names: {% set texts = ["processes"] %} for "processes.…".

export const language = document.documentElement.lang;

const texts = JSON.parse(document.getElementById("texts").textContent);
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

// t("common.days", { n: 3 }): the text with its {placeholders} filled in; `n` chooses between
// "…_one" and "…_other". The result is plain text: hand it to textContent.
export function t(key, values = {}) {
  let found = key;
  if ("n" in values && `${key}_other` in texts) {
    found = `${key}_${plural.select(values.n) === "one" ? "one" : "other"}`;
  }
  const text = texts[found];
  if (text === undefined) {
    console.error(`there is no text ${found}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) console.error(`no ${name} for the text ${found}`);
    return name === "n" ? numbers.format(values.n) : values[name];
  });
}
