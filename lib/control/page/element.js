/*
 * Helpers for the elements of the page. What is shown may come from a client of the application, so it is text, never
 * markup.
 */

export const byId = (id) => document.getElementById(id);

/** Makes an element with these properties and children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Writes only a text that has changed. Most have not, and a screen reader would begin again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name, wanted) {
  if (node.classList.contains(name) !== wanted) node.classList.toggle(name, wanted);
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A duration as a short text, such as `3 h 20 min`. Milliseconds. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [minutes, hours, days] = [60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** A short duration as a text, with tenths of a second. Milliseconds. */
export function age(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

export function count(number) {
  if (number >= 1e9) return `${(number / 1e9).toFixed(1)} G`;
  return number >= 1e6 ? `${(number / 1e6).toFixed(1)} M` : String(Math.round(number));
}

export const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
