/* The workers as a picture: a box for each process, with its threads in it. */
import { age, byId, count, element, megabytes, setAttribute, setClass, setText, span } from './element.js';

/** With more workers than this, the boxes are smaller. */
const MANY = 16;
/** A request that lasts longer is marked. Milliseconds. */
const LONG = 2000;

/** The boxes by the `age` of their workers, a number that is never used again. */
const boxes = new Map();
const list = byId('workers');

/** Draws the workers as they are now. `rates` are requests a second, by the age of the worker. */
export function drawWorkers({ workers, generation }, rates, now, onRestart) {
  const newest = Math.max(generation, ...workers.map((worker) => worker.generation));
  const several = workers.some((worker) => worker.generation !== newest);
  setClass(document.body, 'many', workers.length > MANY);
  const sorted = [...workers].sort((a, b) => (a.id || 1e9) - (b.id || 1e9) || a.age - b.age);
  for (const [number, { box }] of boxes) {
    if (workers.some((worker) => worker.age === number)) continue;
    keepFocus(box);
    box.remove();
    boxes.delete(number);
  }
  sorted.forEach((worker, place) => {
    let drawn = boxes.get(worker.age);
    if (!drawn) {
      drawn = makeBox(worker, onRestart);
      boxes.set(worker.age, drawn);
    }
    if (list.children[place] !== drawn.box) list.insertBefore(drawn.box, list.children[place] ?? null);
    fill(drawn, worker, { rate: rates.get(worker.age), now, isNew: several && worker.generation === newest });
  });
  rove();
}

function makeBox(worker, onRestart) {
  const part = (name, className, properties = {}) => element(name, { className, ...properties });
  const parts = {
    name: part('h3', ''),
    pid: part('span', ''),
    state: part('span', 'state'),
    generation: part('span', ''),
    restart: part('button', 'restart', { type: 'button', textContent: 'Restart…' }),
    elu: part('div', 'elu', { role: 'meter' }),
    fill: element('span'),
    facts: part('dl', 'facts'),
    threads: part('ul', 'threads', { ariaLabel: 'Threads' }),
    oldest: part('p', 'oldest'),
  };
  const title = element('div', { className: 'title' }, parts.name, parts.state);
  const place = element('div', { className: 'place' }, parts.pid, ' · ', parts.generation);
  for (const [name, value] of [
    ['aria-valuemin', '0'],
    ['aria-valuemax', '100'],
    ['aria-label', 'Busy, percent of the time'],
  ])
    parts.elu.setAttribute(name, value);
  parts.elu.append(parts.fill);
  for (const fact of ['req/s', 'in flight', 'open', 'memory', 'up']) {
    const value = element('dd');
    parts[fact] = value;
    parts.facts.append(element('div', {}, element('dt', { textContent: fact }), value));
  }
  parts.restart.addEventListener('click', () => onRestart(worker.id));
  const box = element('li', { className: 'worker' });
  box.append(title, parts.restart, place, parts.elu, parts.facts, parts.threads, parts.oldest);
  return { box, parts };
}

function fill({ box, parts }, worker, { rate, now, isNew }) {
  const { id, pid, state, generation, spawnedAt, rss, elu, active, connections, request, threads = [] } = worker;
  const name = id === 0 ? 'spare' : `#${id}`;
  setAttribute(box, 'data-state', state);
  setText(parts.name, name);
  setText(parts.pid, `pid ${pid ?? '–'}`);
  setText(parts.state, state);
  setAttribute(parts.state, 'data-state', state);
  setText(parts.generation, `gen ${generation}`);
  setClass(parts.generation, 'new', isNew);
  setAttribute(parts.restart, 'aria-label', `Restart worker ${name}…`);
  parts.restart.hidden = state !== 'ready';
  const busy = Math.round(elu * 100);
  setAttribute(parts.elu, 'aria-valuenow', String(busy));
  setClass(parts.elu, 'high', busy >= 90);
  parts.fill.style.transform = `scaleX(${Math.min(1, elu)})`;
  setText(parts['req/s'], rate === undefined ? '–' : count(rate));
  setText(parts.up, span(now - spawnedAt));
  setText(parts.memory, megabytes(rss));
  setText(parts['in flight'], String(active));
  setText(parts.open, String(connections));
  drawThreads(parts.threads, threads, now);
  const lasts = request ? now - request.startedAt : 0;
  setText(parts.oldest, request ? `${age(Math.max(0, lasts))} ${request.method} ${request.url}` : '');
  setClass(parts.oldest, 'long', lasts > LONG);
  if (request) setAttribute(parts.oldest, 'title', `${request.method} ${request.url}`);
  else parts.oldest.removeAttribute('title');
}

function drawThreads(row, threads, now) {
  while (row.children.length > threads.length) row.lastChild.remove();
  threads.forEach(({ thread, active, request }, index) => {
    const item = row.children[index] ?? row.appendChild(element('li'));
    setText(item, String(thread));
    setClass(item, 'busy', active > 0);
    setClass(item, 'long', request !== undefined && now - request.startedAt > LONG);
    const doing = request ? `${request.method} ${request.url}, ${age(Math.max(0, now - request.startedAt))}` : 'idle';
    setAttribute(item, 'title', `thread ${thread}: ${doing}`);
  });
  row.hidden = threads.length === 0;
}

const buttons = () => [...list.querySelectorAll('.restart:not([hidden])')];

/** Before a box is removed: if it has the keyboard focus, the next box gets it. */
function keepFocus(box) {
  if (!box.contains(document.activeElement)) return;
  const all = buttons();
  const place = all.indexOf(document.activeElement);
  (all[place + 1] ?? all[place - 1])?.focus();
}

/** Makes all boxes together one stop of the Tab key. The arrow keys go from box to box. */
function rove() {
  const all = buttons();
  const current = all.find((button) => button === document.activeElement) ?? all.find(({ tabIndex }) => tabIndex === 0);
  for (const button of all) button.tabIndex = button === (current ?? all[0]) ? 0 : -1;
}

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
list.addEventListener('keydown', (event) => {
  const all = buttons();
  const place = all.indexOf(document.activeElement);
  if (place === -1) return;
  const step = STEPS[event.key];
  const next =
    event.key === 'Home' ? 0 : event.key === 'End' ? all.length - 1 : step && (place + step + all.length) % all.length;
  if (next === undefined) return;
  event.preventDefault();
  all[next].focus();
  rove();
});
