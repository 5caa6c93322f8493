import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { asDelay, LONGEST_DELAY } from '../../build/delay.js';
import { validateOptions } from '../../build/options/validate.js';

/* A timer of Node fires at once when its delay is longer than 24.8 days, which a sum of two options can be. */

const LIB = fileURLToPath(new URL('../../lib/', import.meta.url));

test('a delay is never longer than a timer keeps, nor shorter than none', () => {
  for (const [sum, delay] of [
    [0, 0],
    [1.5, 1.5],
    [-1, 0],
    [LONGEST_DELAY, LONGEST_DELAY],
    [LONGEST_DELAY + 1, LONGEST_DELAY],
    [Number.POSITIVE_INFINITY, LONGEST_DELAY],
  ] as const) {
    assert.equal(asDelay(sum), delay);
  }
});

test('how long a connection is kept leaves room for what Node adds', () => {
  const { serving, http } = validateOptions({ app: './app.js', keepAlive: LONGEST_DELAY });
  assert.deepEqual([serving.keepAlive, http.keepAliveTimeout], [LONGEST_DELAY - 1_000, LONGEST_DELAY - 1_000]);
});

/** Delays that are neither constants nor clamped where they are used, and why they are short enough. */
const SHORT: Readonly<Record<string, string>> = {
  'master/workers/countdown.ts: length': 'a step is a second at most',
  'master/workers/guard.ts: Math.min(LONGEST_RETRY, RETRY * 2 ** (losses - 2))': 'half a minute at most',
  'control/place.ts: interval': 'a constant of its caller',
  'master/tell/service.ts: interval': 'clamped by watchdogInterval()',
  'master/access/collector.ts: limit': 'a constant of its callers',
  'master/site/estates.ts: within': 'a constant of its caller',
  'master/scoreboard/watch.ts: beatInterval(timeout)': 'a second at most',
  'cli/ask-script.ts: limit': 'an option',
  'worker/entry/script.ts: limit': 'a part of an option',
  'worker/http/broken-request.ts: Math.max(0, requestTimeout - headersTimeout)': 'a difference',
  'worker/accept/acceptor.ts: rest': 'half a second at most',
  'worker/accept/standing.ts: time': 'TIME.LINGER at most',
  'worker/vitals/descriptors.ts: pause': 'two seconds at most',
  'worker/connections/idle.ts: Math.min(DRAIN.look, kept / 2)': 'a part of an option',
  'worker/connections/idle.ts: oldest ? LOOK : Math.max(LOOK, this.#nextScan - performance.now())':
    'until a time that was set by an option',
  'worker/requests/endless-answers.ts: farewell / 2': 'a part of an option',
  'worker/lifecycle/lifecycle.ts: limit': 'a constant of its callers',
  'worker/lifecycle/lifecycle.ts: patience': 'a part of an option',
  'worker/lifecycle/outside-term.ts: pause': 'a constant of its callers',
  'worker/admission/patience.ts: wait': 'a constant of its callers',
  'worker/vitals/pulse.ts: this.#interval': 'half a second at most',
  'worker/connections/sessions.ts: keepAlive': 'an option',
  'worker/connections/proxy-protocol.ts: this.#settings.limit': '5 s at most',
  'worker/requests/slow-clients.ts: interval': 'half a second',
  'worker/threads/pool.ts: this.#muster.wait(thread)': '15 s at most',
  'worker/threads/watch.ts: pause': 'half a second at most',
  'worker/watchdog/thread.ts: pause': 'half a second at most',
};

/** Which argument of the function is the delay. */
const TIMERS: Readonly<Record<string, number>> = { setTimeout: 1, setInterval: 1, delay: 0 };

test('every timer has a constant, a clamped delay, or a reason', () => {
  const found = new Set<string>();
  const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  for (const file of files) {
    const source = ts.createSourceFile(file, readFileSync(join(LIB, file), 'utf8'), ts.ScriptTarget.ESNext, true);
    const visit = (node: ts.Node): void => {
      ts.forEachChild(node, visit);
      if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return;
      const index = TIMERS[node.expression.text];
      const argument = index === undefined ? undefined : node.arguments[index];
      if (argument === undefined) return;
      const text = argument.getText(source);
      if (/^(?:[A-Z][A-Z_]*(?:\.\w+)?|[\d_]+)$|^asDelay\(|^Math\.min\([A-Z][A-Z_]+, /.test(text)) return;
      found.add(`${file}: ${text}`);
    };
    visit(source);
  }
  assert.deepEqual(
    [...found].filter((timer) => SHORT[timer] === undefined),
    [],
  );
});
