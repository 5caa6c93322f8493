/*
 * The page of the control. It draws the figures that the master sends each second, and has the master do what the user
 * confirms.
 */
import { age, byId, count, element, megabytes, setAttribute, setClass, setText, span } from './element.js';
import { keepToken, listen, tell } from './net.js';
import { addNews, setNews } from './news.js';
import { drawWorkers } from './workers.js';

/** Over how many seconds a rate is counted, and how many seconds the curve shows. */
const RATE = 3;
const CURVE = 60;

const looks = [];
const curve = [];
let latest;
let lastSaid = '';

const FIGURES = [
  ['rate', 'requests/s'],
  ['latency', '99 % within'],
  ['active', 'in flight'],
  ['queue', 'in the queue'],
  ['ready', 'ready'],
  ['requests', 'requests'],
  ['errors', 'errors'],
  ['timeouts', 'timeouts'],
  ['crashes', 'crashes'],
  ['memory', 'memory'],
];
const values = new Map(
  FIGURES.map(([key, label]) => {
    const value = element('dd', { textContent: '–' });
    const tile = element('div', {}, element('dt', { textContent: label }), value);
    byId('figures').append(tile);
    return [key, { value, tile }];
  }),
);
const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
for (const [name, value] of [
  ['viewBox', '0 0 60 30'],
  ['preserveAspectRatio', 'none'],
  ['class', 'curve'],
  ['aria-hidden', 'true'],
])
  svg.setAttribute(name, value);
svg.append(path);
values.get('rate').tile.append(svg);

function draw(stats) {
  const now = Date.now();
  if (looks.length > 0 && looks.at(-1).pid !== stats.pid) looks.length = curve.length = 0;
  looks.push({
    pid: stats.pid,
    uptime: stats.uptime,
    requests: stats.totals.requests,
    times: stats.requestTime,
    each: new Map(stats.workers.map((worker) => [worker.age, worker.requests])),
  });
  if (looks.length > RATE + 1) looks.shift();
  const { rate, rates } = ratesOf();
  curve.push(rate ?? 0);
  if (curve.length > CURVE) curve.shift();
  drawHead(stats);
  drawFigures(stats, rate);
  drawGenerations(stats);
  drawWorkers(stats, rates, now, (id) =>
    confirmed(
      'Restart',
      `Restart worker #${id}?`,
      'Another one is ready before it goes. Nobody loses a request.',
      `/restart?worker=${id}`,
      () => `worker #${id} is another one now`,
    ),
  );
  announce(stats);
  latest = stats;
}

function ratesOf() {
  const [first, last] = [looks[0], looks.at(-1)];
  const seconds = (last.uptime - first.uptime) / 1000;
  if (!(seconds > 0)) return { rate: undefined, rates: new Map() };
  const entries = [...last.each].map(([age, requests]) => [
    age,
    Math.max(0, requests - (first.each.get(age) ?? 0)) / seconds,
  ]);
  return { rate: Math.max(0, last.requests - first.requests) / seconds, rates: new Map(entries) };
}

/** Within what time this share of the last seconds' requests was answered, as a text: a bound of the histogram. */
function within(share) {
  const [first, last] = [looks[0].times, looks.at(-1).times];
  const counts = last.counts.map((each, index) => Math.max(0, each - (first.counts[index] ?? 0)));
  const wanted = counts.reduce((sum, each) => sum + each, 0) * share;
  if (wanted === 0) return undefined;
  let sum = 0;
  const index = counts.findIndex((each) => {
    sum += each;
    return sum >= wanted;
  });
  const bound = last.bounds[index];
  if (bound === undefined) return `over ${age(last.bounds.at(-1))}`;
  return bound < 1000 ? `${bound} ms` : age(bound);
}

function drawHead({ name, pid, state, generation, uptime, target }) {
  document.title = `${name}: ${state}`;
  setText(byId('name'), name);
  setText(byId('state'), state);
  setAttribute(byId('state'), 'data-state', state);
  setText(byId('about'), `pid ${pid}, generation ${generation}, up ${span(uptime)}`);
  setText(byId('target'), String(target));
  const moves = state === 'running' || state === 'reloading';
  for (const id of ['reload', 'fewer', 'more']) byId(id).disabled = !moves || (id === 'fewer' && target <= 1);
}

function drawFigures({ workers, totals, queues, target }, rate) {
  const sum = (field) => workers.reduce((total, worker) => total + worker[field], 0);
  const waiting = queues.map((queue) => queue.waiting).filter((number) => number !== undefined);
  const shown = {
    rate: rate === undefined ? '–' : count(rate),
    latency: within(0.99) ?? '–',
    active: count(sum('active')),
    queue: waiting.length === 0 ? '–' : count(waiting.reduce((total, number) => total + number, 0)),
    ready: `${workers.filter((worker) => worker.state === 'ready').length} of ${target}`,
    requests: count(totals.requests),
    errors: count(totals.errors),
    timeouts: count(totals.timeouts),
    crashes: count(totals.crashes),
    memory: megabytes(sum('rss')),
  };
  for (const [key, text] of Object.entries(shown)) setText(values.get(key).value, text);
  for (const key of ['errors', 'timeouts', 'crashes']) setClass(values.get(key).value, 'bad', totals[key] > 0);
  const most = Math.max(1, ...curve);
  const points = curve.map((value, index) => `L${60 - curve.length + index + 1} ${30 - (28 * value) / most}`);
  path.setAttribute('d', `M${61 - curve.length} 30${points.join('')}L60 30Z`);
}

/** Draws how many workers each generation has, while there are two generations or a reload is under way. */
function drawGenerations({ workers, state }) {
  const counts = new Map();
  for (const worker of workers) {
    if (worker.id === 0) continue;
    counts.set(worker.generation, (counts.get(worker.generation) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a], [b]) => a - b);
  byId('rollout').hidden = sorted.length < 2 && state !== 'reloading';
  const newest = sorted.at(-1)?.[0];
  const row = byId('generations');
  const known = new Map([...row.children].map((child) => [child.dataset.generation, child]));
  for (const [number, workersOfIt] of sorted) {
    const part = known.get(String(number)) ?? row.appendChild(element('span'));
    known.delete(String(number));
    part.dataset.generation = String(number);
    part.style.flexGrow = String(workersOfIt);
    setClass(part, 'new', number === newest && sorted.length > 1);
    setText(part, `${number}: ${workersOfIt}`);
    setAttribute(part, 'title', `generation ${number}, workers: ${workersOfIt}`);
  }
  for (const gone of known.values()) gone.remove();
}

/** What is wrong stays on the page. What has changed is also said once, to screen readers. */
function announce({ state, held, degraded, failing, workers, target }) {
  const ready = workers.filter((worker) => worker.state === 'ready').length;
  const reasons = [
    ...(held ? ['Held: workers go, and clients wait.'] : []),
    ...(degraded
      ? [`Degraded: ${failing.map(({ id, failures }) => `#${id} has failed ${failures} times in a row`).join(', ')}.`]
      : []),
    ...(state === 'running' && ready < target && !held ? [`${ready} of ${target} workers are ready.`] : []),
    ...(state === 'stopping' ? ['Stopping, after what is in flight.'] : []),
  ];
  const list = byId('reasons');
  if ([...list.children].map((item) => item.textContent).join('|') !== reasons.join('|'))
    list.replaceChildren(...reasons.map((textContent) => element('li', { textContent })));
  list.hidden = reasons.length === 0;
  const saying = [state, ...reasons].join('. ');
  // Not in the element with the outcome of an order, which would be overwritten at once.
  if (saying !== lastSaid && lastSaid !== '') setText(byId('heard'), saying);
  lastSaid = saying;
}

function say(text, isBad = false) {
  setText(byId('said'), text);
  setClass(byId('said'), 'bad', isBad);
}

/** Asks the user first, then tells the master and shows the outcome. The buttons go on working meanwhile. */
async function confirmed(verb, title, text, order, done) {
  const dialog = byId('ask');
  setText(byId('ask-title'), title);
  setText(byId('ask-text'), text);
  setText(byId('yes'), verb);
  dialog.returnValue = '';
  dialog.showModal();
  // The `close` event of an earlier use of the dialog may come when it is open again.
  await new Promise((resolve) => {
    dialog.onclose = () => dialog.open || resolve();
  });
  if (dialog.returnValue !== 'yes') return;
  say(`${verb}: under way…`);
  try {
    say(done(await tell(order)));
  } catch (error) {
    say(error.message, true);
  }
}

byId('reload').addEventListener('click', () =>
  confirmed(
    'Reload',
    'Reload all workers?',
    'New ones load what is deployed now, and take over when they are ready. If one fails, the old ones stay.',
    '/reload',
    ({ generation, replaced }) => `reloaded: generation ${generation} serves, workers replaced: ${replaced}`,
  ),
);
for (const [id, step] of [
  ['fewer', -1],
  ['more', 1],
]) {
  byId(id).addEventListener('click', () => {
    const to = latest.target + step;
    confirmed(
      'Scale',
      `${latest.target} workers now: make it ${to}?`,
      step < 0 ? 'One that boots goes, else the oldest, when its requests are done.' : 'One more is started.',
      `/scale?to=${to}`,
      ({ workers }) => `workers: ${workers}`,
    );
  });
}

function onLink(link) {
  setAttribute(byId('link'), 'data-link', link);
  setText(byId('link'), { live: 'live', lost: 'not connected, trying again', locked: 'locked' }[link]);
  if (link !== 'locked') return undefined;
  const door = byId('door');
  byId('token').value = '';
  if (!door.open) door.showModal();
  return new Promise((resolve) => {
    door.onclose = () => {
      if (door.open) return;
      keepToken(byId('token').value.trim());
      resolve();
    };
  });
}

const ON = { stats: draw, history: setNews, happened: addNews };
listen((name, data) => ON[name]?.(data), onLink);
