/* What has happened: the lines of the log, with the stacks that belong to them. */
import { byId, element } from './element.js';

/** How many errors, how many warnings, and how many other lines are kept: as many as the server keeps. */
const MOST = 50;
const BAD = new Set(['warn', 'error']);

const [list, none, all] = ['lines', 'none', 'all'].map(byId);
let lines = [];

/** Replaces all lines. Those whose details are open stay open. */
export function setNews(history) {
  const known = new Map(lines.map((line) => [JSON.stringify(line.record), line]));
  lines = history.map((record) => known.get(JSON.stringify(record)) ?? { record });
  draw();
}

export function addNews(record) {
  lines.push({ record });
  const kind = kindOf(record);
  const alike = lines.filter((line) => kindOf(line.record) === kind);
  // Slow requests may come by the hundred. Each kind has its own room, so that no crash is lost among them.
  if (alike.length > MOST) lines.splice(lines.indexOf(alike[0]), 1);
  draw();
}

function kindOf({ level }) {
  return BAD.has(level) ? level : 'rest';
}

all.addEventListener('change', draw);

function draw() {
  const shown = lines.filter(({ record }) => all.checked || BAD.has(record.level));
  for (const line of shown) line.node ??= makeLine(line.record);
  const nodes = shown.map(({ node }) => node).reverse();
  none.hidden = nodes.length > 0;
  for (const child of [...list.children]) if (!nodes.includes(child)) child.remove();
  nodes.forEach((node, place) => {
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
  });
}

function makeLine(record) {
  const { time, level, msg, event } = record;
  const when = element('time', { dateTime: time, textContent: new Date(time).toLocaleTimeString() });
  const tag = element('span', { className: 'tag', textContent: event });
  const text = element('span', { className: 'text', textContent: msg });
  const more = detailsOf(record);
  const item = element('li', { className: level });
  if (more === '') item.append(when, tag, text);
  else
    item.append(
      element(
        'details',
        {},
        element('summary', {}, when, tag, text),
        element('pre', { textContent: more, tabIndex: 0 }),
      ),
    );
  return item;
}

function detailsOf({ stack, err, kernel, pending, request, stacks }) {
  const parts = [];
  if (request)
    parts.push(`${request.method} ${request.url}${request.remoteAddress ? ` from ${request.remoteAddress}` : ''}`);
  if (stack) parts.push(stack);
  for (let error = err; error; error = error.cause) {
    // Where in the library an error of its own was made tells nobody anything.
    const own = error.name === 'ArbiterError' ? undefined : error.stack;
    parts.push(`${error === err ? '' : 'caused by: '}${own ?? `${error.name}: ${error.message}`}`);
  }
  if (kernel) parts.push(`in the kernel: ${Object.values(kernel).join(', ')}`);
  if (pending?.length) parts.push(`waits for ${pending.join(', ')}`);
  for (const other of stacks ?? []) if (other.stack) parts.push(other.stack);
  return parts.join('\n\n');
}
