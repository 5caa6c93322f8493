/* The live table of `prefork ctl top`. */
import { setTimeout as delay } from 'node:timers/promises';
import { printable } from '../log/text.js';
import type { ArbiterStats } from '../master/scoreboard/stats.js';
import type { ControlClient } from './ctl-client.js';
import { cut, masterLines, type Rates, workerLines } from './ctl-table.js';

/** How often the master is asked. Milliseconds. */
const INTERVAL = 1_000;
/**
 * How many of the last errors, and how many of the last warnings, are shown below the table. They are counted apart,
 * since warnings may come in large numbers.
 */
const NEWS = 3;

interface Line {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
}

/** Where the table is written to, and where keys come from. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Shows the table until the user presses q. Without a terminal, prints it once, with the rates of one second. */
export async function top(client: ControlClient, { input, output }: Terminal): Promise<void> {
  let before = await look(client);
  if (!output.isTTY || !input.isTTY) {
    await delay(INTERVAL);
    const now = await look(client);
    output.write(`${frame(before, now, { columns: output.columns ?? 80 }).join('\n')}\n`);
    return;
  }
  const quit = new AbortController();
  const onKey = (key: Buffer): void => {
    // q, Q, Ctrl-C, Ctrl-D, Escape alone.
    if (['q', 'Q', '\x03', '\x04', '\x1b'].includes(key.toString())) quit.abort();
  };
  const restore = (): void => void output.write('\x1b[?25h\x1b[?1049l');
  process.once('exit', restore);
  input.setRawMode(true).on('data', onKey).resume();
  // The alternate screen, so that what the terminal showed comes back afterwards; and no cursor.
  output.write('\x1b[?1049h\x1b[?25l');
  try {
    let shown = before;
    while (!quit.signal.aborted) {
      const { columns, rows } = output;
      const lines = frame(before, shown, { columns, rows: rows - 1 });
      // Clears each line to its end, not the whole screen, which would flicker.
      output.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
      await delay(INTERVAL, undefined, { signal: quit.signal }).catch(() => undefined);
      if (quit.signal.aborted) break;
      before = shown;
      shown = await look(client);
    }
  } finally {
    input.setRawMode(false).off('data', onKey).pause();
    process.removeListener('exit', restore);
    restore();
  }
}

interface Look {
  readonly at: number;
  readonly stats: ArbiterStats;
  readonly history: readonly Line[];
}

async function look(client: ControlClient): Promise<Look> {
  const [stats, history] = await Promise.all([client.get('/stats'), client.get('/history')]);
  return { at: Date.now(), stats, history };
}

/** The last errors and warnings, for below the table. */
export function newsLines(history: readonly Line[], columns: number): string[] {
  const last = (title: string, wanted: string): string[] => {
    const lines = history.filter(({ level }) => level === wanted).slice(-NEWS);
    const texts = lines.map(({ time, msg }) => cut(`${time.slice(11, 19)} ${printable(msg)}`, columns));
    return texts.length === 0 ? [] : ['', title, ...texts];
  };
  return [...last('Last errors:', 'error'), ...last('Last warnings:', 'warn')];
}

function frame(before: Look, now: Look, { columns, rows }: { columns: number; rows?: number }): string[] {
  const head = masterLines(now.stats, columns);
  const [names = '', ...workers] = workerLines(now.stats, { now: now.at, columns, rates: ratesOf(before, now) });
  const foot = newsLines(now.history, columns);
  const room = Math.max(1, (rows ?? Number.POSITIVE_INFINITY) - head.length - 2 - foot.length);
  const shown = workers.length > room ? workers.slice(0, Math.max(0, room - 1)) : workers;
  const hidden = workers.length - shown.length;
  const all = [...head, '', names, ...shown, ...(hidden > 0 ? [`… ${hidden} more workers`] : []), ...foot];
  return rows === undefined ? all : all.slice(0, rows);
}

function ratesOf(before: Look, now: Look): Rates | undefined {
  const seconds = (now.at - before.at) / 1_000;
  if (seconds <= 0) return undefined;
  const counts = new Map(before.stats.workers.map(({ age, requests }) => [age, requests]));
  return new Map(
    now.stats.workers.map(({ age, requests }) => [age, Math.max(0, requests - (counts.get(age) ?? 0)) / seconds]),
  );
}
