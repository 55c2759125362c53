// Once somebody uses the page, and not only looks at it.

const SIGNS = ["pointermove", "pointerdown", "keydown", "scroll"];

export function onFirstUse(begin) {
  const once = new AbortController();
  const used = () => { once.abort(); begin(); };
  for (const sign of SIGNS) addEventListener(sign, used, { signal: once.signal, passive: true });
}
