// Elements are made here, from text alone: nothing on this page is ever parsed as markup.

/** An element with properties (`class`, `aria-…` and `data-…` as attributes, `on` as listeners) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, heard] of Object.entries(value)) made.addEventListener(event, heard);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Only what differs is touched: a screen reader's place and a selection stay where they are. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export const byId = (id) => document.getElementById(id);

/**
 * Keeps `parent`'s children in step with `items`, one each, known by `key`. Children that stay are not moved, so that
 * focus stays too. `gone(child)` is asked before one with the focus is taken away; true keeps it for now.
 */
export function keep(parent, items, { key, make, update, gone = () => false }) {
  const wanted = new Set(items.map(key));
  const known = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) known.set(child.dataset.key, child);
    else if (!(child.contains(document.activeElement) && gone(child))) child.remove();
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    let child = known.get(key(item));
    if (!child) {
      child = make(item);
      child.dataset.key = key(item);
    }
    while (next && !wanted.has(next.dataset.key)) next = next.nextElementSibling;
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update(child, item);
  }
}
