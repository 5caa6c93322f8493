import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DUTY, dutyState, dutyWord } from '../../../../build/scoreboard/scoreboard.js';
import { type Actor, COMMAND } from '../../../helpers/duty-actor.js';
import { DutyModel, type ModelSettings, type MoveKind, type Scene } from '../../../helpers/duty-model.js';

/*
 * No client may wait in the accept queue while an acceptor that has room rests. When all that was under way has come to
 * its end, and no clock has ticked, either nobody waits or nobody has room.
 */

interface Case extends ModelSettings {
  /** What may happen besides clients that come and requests that end. */
  readonly also: readonly MoveKind[];
}

/** After so many short requests, an acceptor's word is not written for each. */
const KNOWN = 40;

const CASES: Readonly<Record<string, Case>> = {
  processes: { acceptors: 6, roster: 'force', also: ['round'] },
  'processes that die and drain': { acceptors: 8, roster: 'force', also: ['round', 'die', 'drain'] },
  'processes whose requests are short': { acceptors: 6, roster: 'force', turn: 0, also: ['round'] },
  'processes whose requests are short at times': {
    acceptors: 8,
    roster: 'force',
    turn: 1,
    also: ['round', 'die', 'drain'],
  },
  'processes that are known to serve what is short': {
    acceptors: 8,
    roster: 'force',
    turn: 1,
    served: KNOWN,
    also: ['round', 'die', 'drain'],
  },
  'threads that are known to': { acceptors: 9, threads: 3, roster: 'force', turn: 1, served: KNOWN, also: ['round'] },
  threads: { acceptors: 9, threads: 3, roster: 'force', also: ['round'] },
  'room for several': { acceptors: 5, capacity: 2, roster: 'force', also: ['round', 'die'] },
  'some far ahead of others': { acceptors: 3, capacity: 19, loads: [18, 9], roster: 'force', also: ['round'] },
  'now enough for a roster, now too few': { acceptors: 10, also: ['round', 'die', 'drain'] },
};

/** Several acts of several scenes each. At the end of each act, all comes to rest. */
function plays({ acceptors, also }: Case): fc.Arbitrary<readonly (readonly Scene[])[]> {
  const scene = fc.record({
    choices: fc.array(fc.nat(9_999), { maxLength: 40, size: 'max' }),
    also: fc.subarray<MoveKind>(['client', 'finish', ...also]),
    slow: fc.nat(2 ** acceptors - 1),
  });
  const act = fc.array(scene, { minLength: 1, maxLength: 5, size: 'max' });
  return fc.array(act, { minLength: 1, maxLength: 4, size: 'max' });
}

for (const [name, given] of Object.entries(CASES)) {
  test(`no client waits while somebody could take it: ${name}`, async (t) => {
    const model = await DutyModel.create(t, given);
    fc.assert(
      fc.property(plays(given), fc.infiniteStream(fc.nat(9_999)), (acts, more) => {
        model.start();
        for (const scenes of acts) {
          for (const scene of scenes) model.play(scene);
          model.rest(() => more.next().value as number);
          assert.deepEqual(model.forgotten(), [], model.history);
        }
      }),
      // There is no shrinking: a shorter play is another play.
      { numRuns: 100, endOnFailure: true, includeErrorInReport: true },
    );
  });
}

test('one goes off duty while the last that listen turn away: every order of their steps', async (t) => {
  const model = await DutyModel.create(t, { acceptors: 5, roster: 'force' });
  const [one, ...others] = model.actors as [Actor, Actor, Actor, Actor, Actor];
  const { ACCEPT, CLOSE, FINISH } = COMMAND;
  const orders = model.everyOrder(
    () => {
      model.start();
      model.waiting = 5;
      model.rest();
      for (const other of others) other.complete(FINISH);
      // The acceptor sees four others that listen.
      one.begin(FINISH);
      one.step();
      const [first, second, third, fourth] = others as [Actor, Actor, Actor, Actor];
      first.complete(ACCEPT);
      second.complete(ACCEPT);
      model.begin(third, ACCEPT);
      model.begin(fourth, CLOSE);
      model.waiting = 1;
    },
    () => {
      model.rest();
      assert.deepEqual([model.forgotten(), model.waiting], [[], 0], model.history);
    },
  );
  // Each of the three acceptors has at least two steps.
  assert.ok(orders >= 90, `${orders} orders`);
});

test('who is called because nobody can count on those that serve calls the next one, and so on', async (t) => {
  const model = await DutyModel.create(t, { acceptors: 8, roster: 'force' });
  model.start();
  const [first, ...others] = model.actors.filter(({ shut }) => shut) as [Actor, ...Actor[]];
  assert.ok(others.length >= 2, `${others.length} others rest`);
  // Something keeps the event loops of the acceptors that listen.
  const unsteady = dutyWord(DUTY.NONE, 0, 0, false, true);
  for (const { index, shut } of model.actors) if (!shut) (model.words[index] as number) |= unsteady;
  first.complete(COMMAND.WAKE);
  model.rest();
  assert.deepEqual(
    others.filter(({ shut }) => shut).map(({ index }) => index),
    [],
    model.history,
  );
});

test('who has room for more says that it has none until the request of a new connection has been read', async (t) => {
  const model = await DutyModel.create(t, { acceptors: 5, capacity: 2, roster: 'force' });
  model.start();
  const one = model.actors.find(({ shut }) => !shut) as Actor;
  const states = [];
  for (const command of [COMMAND.ACCEPT, COMMAND.LATER, COMMAND.LATER]) {
    one.complete(command);
    states.push(dutyState(model.words[one.index] as number));
  }
  assert.deepEqual(states, [DUTY.BRIEF, DUTY.BRIEF, DUTY.LISTENING]);
});

test('who is known to serve what is short writes its word each 4 ms, not for each request, and says that it listens when nothing comes', async (t) => {
  const requests = 24;
  for (const [turn, within, least, most] of [
    [0, 1, 1, 1],
    [1, 1, requests / 4, requests / 4 + 1],
    [1, 3, requests / 4, requests],
  ] as const) {
    const model = await DutyModel.create(t, { acceptors: 4, roster: 'force', turn, within, served: KNOWN });
    model.start();
    const one = model.actors.find(({ shut }) => !shut) as Actor;
    // It looks at the others, which are few, and idle from then on.
    one.complete(COMMAND.ROUND);
    const word = (): number => model.words[one.index] as number;
    const said = new Set<number>();
    for (let count = 0; count < requests; count++) {
      one.complete(COMMAND.ACCEPT);
      assert.equal(dutyState(word()), DUTY.BRIEF);
      said.add(word());
      if (one.taken > 0) one.complete(COMMAND.FINISH);
      said.add(word());
    }
    // Otherwise the word says BRIEF and LISTENING in turn, with another number each time.
    assert.ok(said.size >= least && said.size <= most, `${said.size} words`);
    while (one.later > 0) one.complete(COMMAND.LATER);
    assert.equal(dutyState(word()), DUTY.LISTENING);
  }
});

test('when many short requests that came at once are over, most acceptors rest again', async (t) => {
  const model = await DutyModel.create(t, { acceptors: 12, roster: 'force', turn: 1, served: KNOWN });
  model.start();
  model.waiting = 10;
  model.rest();
  const serving = model.actors.filter(({ taken }) => taken > 0);
  assert.ok(serving.length > 5, `${serving.length} serve`);
  for (const actor of serving) actor.complete(COMMAND.FINISH);
  model.rest();
  assert.ok(model.actors.filter(({ shut }) => !shut).length <= 4, model.history);
});

test('of those that serve for more than a turn of the event loop, as many stay as there are CPUs', async (t) => {
  const others = 6;
  for (const [cpus, stays] of [
    [2, false],
    [others + 1, true],
  ] as const) {
    const model = await DutyModel.create(t, { acceptors: others + 1, roster: 'force', turn: 4, served: KNOWN, cpus });
    model.start();
    const serving = (): Actor[] => model.actors.filter(({ taken }) => taken > 0);
    for (let round = 0; round < 100 && serving().length <= others; round++) {
      model.waiting = 1;
      model.rest();
    }
    assert.equal(serving().length, others + 1);
    for (const actor of serving()) assert.equal(dutyState(model.words[actor.index] as number), DUTY.BRIEF);
    const [one] = serving() as [Actor, ...Actor[]];
    one.complete(COMMAND.FINISH);
    assert.equal(!one.shut, stays, `${cpus} CPUs`);
  }
});
