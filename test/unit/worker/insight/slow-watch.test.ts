import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../../../../build/monotonic.js';
import type { SlowMessage } from '../../../../build/protocol/activity.js';
import { SLOT_SIZE } from '../../../../build/scoreboard/scoreboard.js';
import { ownThread } from '../../../../build/system/thread-figures.js';
import type { Look } from '../../../../build/worker/insight/look.js';
import { SlowRecord } from '../../../../build/worker/insight/slow-record.js';
import { SlowWatch } from '../../../../build/worker/insight/slow-watch.js';
import { STAGE, Vitals } from '../../../../build/worker/vitals/vitals.js';
import { inTime } from '../../../helpers/wait.js';

const SLOW = 30;
/**
 * The stack of the second request. When that request is told, it is known whether anything was told of the first one.
 */
const STACK = '    at render (/srv/app.js:1:2)';

/** What the watcher of its thread tells of one request. The next request is looked at, and told of, as any other. */
async function told(t: TestContext, first: (vitals: Vitals) => Look): Promise<SlowMessage | undefined> {
  const vitals = new Vitals();
  vitals.systemThread = ownThread();
  vitals.setStage(STAGE.SERVING);
  const look = first(vitals);
  let looks = 0;
  let seen: () => void = () => undefined;
  const firstSeen = new Promise<void>((resolve) => {
    seen = resolve;
  });
  const messages: SlowMessage[] = [];
  const both = new Promise<void>((resolve) => {
    const watched = {
      ...{ vitals, image: new SharedArrayBuffer(SLOT_SIZE), thread: undefined, sockets: [] },
      grace: async () => undefined,
      look: async (looking: Parameters<Look>[0]) => {
        if (looks++ === 0) return look(looking).finally(seen);
        looking.seen(true);
        return { stack: STACK, paused: 1 };
      },
    };
    const watch = new SlowWatch(watched, SLOW, (message) => {
      messages.push(message);
      if (message.stack === STACK) resolve();
    });
    t.after(() => watch.stop());
  });
  vitals.begin(performance.now());
  const next = async (): Promise<void> => {
    await firstSeen;
    // A request that ends shortly after the look gets the time to end by itself.
    await delay(2 * SLOW);
    vitals.begin(performance.now());
  };
  await inTime(Promise.all([next(), both]), 'a report of the second request');
  return messages[0]?.stack === STACK ? undefined : messages[0];
}

test('a request that is over when its thread stops is told of all the same: without what nobody knows', async (t) => {
  const message = await told(t, (vitals) => async (looking) => {
    assert.equal(looking.wanted(), true);
    vitals.end();
    assert.equal(looking.wanted(), false);
    looking.seen(false);
    return { paused: 0 };
  });
  assert.ok(message !== undefined && message.age >= SLOW);
  assert.deepEqual([message.doing, message.stack], [undefined, undefined]);
  if (process.platform === 'linux') assert.match(message.kernel?.state ?? '', /^[A-Za-z]$/);
});

test('a request whose thread is met behind its handler is told of when it is over', async (t) => {
  const message = await told(t, (vitals) => async (looking) => {
    looking.seen(true);
    setTimeout(() => vitals.end(), 5);
    return { waits: true, paused: 1 };
  });
  assert.deepEqual([message?.doing, message?.paused], [undefined, 1]);
});

test('of a request that waits, its own thread tells', async (t) => {
  assert.equal(
    await told(t, () => async (looking) => {
      looking.seen(true);
      return { waits: true, paused: 1 };
    }),
    undefined,
  );
});

test('a request that goes on is told of with what was seen', async (t) => {
  const stack = '    at app (/srv/app.js:9:9)';
  const message = await told(t, () => async (looking) => {
    looking.seen(true);
    return { stack, paused: 3 };
  });
  assert.deepEqual([message?.doing, message?.stack, message?.paused], ['javascript', stack, 3]);
});

test('somebody else has the thread in his hands: nothing is told', async (t) => {
  const message = await told(t, (vitals) => async () => {
    vitals.end();
    return { paused: 0, blind: 'taken' as const };
  });
  assert.equal(message, undefined);
});

test('a thread that has been held for long enough in this minute is not held, and its requests are told of all the same', async (t) => {
  const vitals = new Vitals();
  vitals.systemThread = ownThread();
  vitals.setStage(STAGE.SERVING);
  const record = new SlowRecord(vitals.memory);
  record.admits(monotonic());
  record.notePause(60_000);
  let looks = 0;
  const watched = {
    ...{ vitals, image: new SharedArrayBuffer(SLOT_SIZE), thread: undefined, sockets: [] },
    grace: async () => undefined,
    look: async () => {
      looks++;
      return { paused: 0 };
    },
  };
  const message = new Promise<SlowMessage>((resolve) => {
    const watch = new SlowWatch(watched, SLOW, resolve);
    t.after(() => watch.stop());
  });
  vitals.begin(performance.now());
  const { doing, stack, kernel } = await inTime(message, 'a report');
  assert.deepEqual([doing, stack, looks], [undefined, undefined, 0]);
  if (process.platform === 'linux') assert.match(kernel?.state ?? '', /^[A-Za-z]$/);
});
