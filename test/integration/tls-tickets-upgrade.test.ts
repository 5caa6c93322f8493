/* An upgrade hands the ticket keys on, and nobody else sees them. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';
import { assertMost, chain, chains, ofEach, offer, offers, VERSIONS } from '../helpers/tickets.js';
import { eventually } from '../helpers/wait.js';

const needed = { skip: noCertificates };
const WORKERS = 2;
/** Visits with each TLS version, in the same upgrade: the keys are what the versions have in common. */
const VISITS = amount({ suite: 25, long: 100 });
const FEW = 10;
const app = fixture('app.js');

const secure = (url: string): string => url.replace('http:', 'https:');

for (const { name, options } of classes()) {
  test(`tickets_upgrade: ${name}, ${VERSIONS.join(' and ')}`, needed, async (t) => {
    const succession = await Succession.start(t, [{ ...options, app, workers: WORKERS, tls: certificate() }]);
    const old = await succession.ready();
    const url = secure(await succession.url(old));
    const before = await chains(url, FEW);
    assert.deepEqual(before.resumed, ofEach(FEW), 'before');
    const next = await succession.upgrade(old);
    assert.deepEqual(await offers(url, before.tickets, FEW), ofEach(FEW), 'tickets of before, while both serve');
    const both = await chains(url, VISITS, before.tickets);
    assertMost(both.resumed, VISITS, 'while both serve');
    await succession.end(old);
    assert.deepEqual(await offers(url, before.tickets, FEW), ofEach(FEW), 'tickets of before, after the upgrade');
    const after = await chains(url, VISITS, both.tickets);
    assertMost(after.resumed, VISITS, 'after the upgrade');
    assert.deepEqual(
      [...after.workers].filter((pid) => before.workers.has(pid)),
      [],
    );
    await succession.end(next);
    await succession.extinct();
  });
}

const ROTATION = 3_000;

test('tickets_upgrade: what is renewed while both serve, both have', needed, async (t) => {
  const succession = await Succession.start(t, [
    { app, workers: 2, workerClass: 'async', tls: certificate(), ticketKeyRotation: ROTATION },
  ]);
  const old = await succession.ready();
  const url = secure(await succession.url(old));
  let { session } = await chain(url, 'TLSv1.3', 1);
  await succession.upgrade(old);
  for (let renewal = 0; renewal < 2; renewal++) {
    const gone = session;
    // The keys are renewed within that time. Visits to the workers meanwhile would prove nothing.
    const since = (await succession.stats(old)).uptime;
    await succession.until(async () => (await succession.stats(old)).uptime >= since + ROTATION, 'a renewal');
    await eventually(async () => (await offer(url, 'TLSv1.3', gone, FEW)) === 0, 'the end of the old tickets');
    await eventually(async () => {
      const seen = await chain(url, 'TLSv1.3', FEW);
      session = seen.session;
      // Workers of both processes, which have two each.
      return seen.resumed === FEW && seen.workers.size > 2;
    }, 'tickets that the workers of both take');
  }
});

/** The contents of a path if that is a file, or a descriptor of one; nothing if it cannot be read. */
function contents(path: string): string {
  try {
    if (!statSync(path).isFile()) return '';
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(1 << 20);
      return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

test('tickets_secret: no log, no environment, no command line and no file shows a key', needed, async (t) => {
  const folder = temporaryFolder(t);
  const notes = join(folder, 'keys');
  const succession = await Succession.start(
    t,
    [{ app, workers: 2, workerClass: 'threaded', threads: 2, tls: certificate(), ticketKeyRotation: 2_000 }],
    {
      env: { KEYS: notes, DEBUG: 'prefork:*', TMPDIR: folder },
      command: [process.execPath, '--import', fixture('notes-ticket-keys.js'), fixture('succession-host.js')],
    },
  );
  const old = await succession.ready();
  const known = (): Buffer[] =>
    contents(notes)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Buffer.from(line.split(' ')[1] as string, 'base64'));
  await eventually(() => known().length > 1, 'a renewal');
  const next = await succession.upgrade(old);
  await succession.call(next, 'reload');
  const count = known().length;
  await eventually(() => known().length > count, 'another renewal');

  const places = new Map<string, string>([['the output', succession.output]]);
  for (const { pid } of succession.living()) {
    for (const file of ['cmdline', 'environ'])
      places.set(`${pid}/${file}`, readFileSync(`/proc/${pid}/${file}`, 'latin1'));
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`;
      // A descriptor that has been closed meanwhile holds nothing.
      const link = linkOf(path);
      if (link !== undefined) places.set(`${path}: ${link}`, contents(path));
    }
  }
  for (const place of [folder, '/dev/shm']) {
    for (const file of readdirSync(place)) places.set(join(place, file), contents(join(place, file)));
  }
  places.delete(notes);
  assert.ok(places.size > 20, 'there are places to look at');
  assert.match(places.get('the output') ?? '', /prefork:/);
  for (const keys of known()) {
    // Some bytes of a key are enough, in any of these forms.
    const forms = [
      keys.toString('base64').slice(0, 24),
      keys.toString('hex').slice(0, 24),
      keys.toString('latin1', 16, 28),
    ];
    for (const [place, text] of places) {
      assert.deepEqual(
        forms.filter((form) => text.includes(form) || text.toLowerCase().includes(form)),
        [],
        place,
      );
    }
  }
});
