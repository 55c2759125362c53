// The smallest possible changes to the page, so that nothing flickers and nothing loses its focus.

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// Makes the children of `parent` one for each item, in order: kept by key, made from `template`.
export function keep(parent, items, keyOf, template, begin) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  const shown = items.map((item) => {
    const key = String(keyOf(item));
    let child = before.get(key);
    before.delete(key);
    if (!child) {
      child = template.content.firstElementChild.cloneNode(true);
      child.dataset.key = key;
      begin?.(child, key);
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    return child;
  });
  for (const gone of before.values()) gone.remove();
  return shown;
}

// An icon of static/icons.svg, to be put beside a text.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.documentElement.dataset.root || ""}/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}
