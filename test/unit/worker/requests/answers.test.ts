import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import test from 'node:test';
import type { Acceptor } from '../../../../build/worker/accept/acceptor.js';
import type { IdleConnections } from '../../../../build/worker/connections/idle.js';
import { ownHead } from '../../../../build/worker/connections/response-head.js';
import { Answers, type AnswersOptions } from '../../../../build/worker/requests/answers.js';
import { Arrival } from '../../../../build/worker/requests/arrival.js';
import { get } from '../../../helpers/http.js';
import { portOf } from '../../../helpers/place.js';
import { eventually } from '../../../helpers/wait.js';

const nothing = (): void => undefined;

/** A worker with places that are always free, which notes when an answer is waited for. */
function worker() {
  const told: string[] = [];
  const lull = { isTold: false, begin: () => told.push('waits'), end: () => told.push('is done') };
  const acceptor = {
    lull,
    hasRoom: true,
    connections: new Set(),
    ...{ enter: nothing, shut: nothing, leave: nothing },
  };
  const context = {
    slot: { begin: nothing, end: nothing, abandon: nothing },
    pulse: { vitals: { begin: nothing, end: nothing } },
    spec: { serving: { workerConnections: 10, requestBuffer: 0 }, clocks: { timeout: 0, slowAfter: 0 } },
  };
  const options = { context, prepare: nothing, finish: nothing, guard: nothing };
  const answers = new Answers(options as unknown as AnswersOptions);
  answers.admitWith({ ...acceptor, places: () => true } as unknown as Acceptor, {} as IdleConnections, 1);
  const heads = { closes: () => true, clientWaits: nothing, clientHasHead: nothing };
  const serve = (answer: RequestListener): RequestListener => {
    return (request, response) => {
      const arrival = new Arrival(request, response, request.socket, answer, heads);
      ownHead(response, arrival);
      answers.serve(arrival, false);
    };
  };
  return { told, lull, serve };
}

test('an answer is waited for when its handler has returned without one, until it has', async (t) => {
  const { told, lull, serve } = worker();
  assert.equal(lull.isTold, true);
  let waiting: ServerResponse | undefined;
  const answer: RequestListener = ({ url }, response) => {
    if (url === '/later') waiting = response;
    else response.end('at once');
  };
  const server = createServer(serve(answer)).listen(0, '127.0.0.1');
  // A failed test leaves a request without an answer.
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${portOf(server)}`;
  assert.equal((await get(`${url}/`)).body, 'at once');
  await eventually(() => told.length > 0, 'the end of the first request');
  assert.deepEqual(told.splice(0), ['is done']);
  const later = get(`${url}/later`);
  later.catch(nothing);
  await eventually(() => waiting !== undefined, 'the second request');
  assert.deepEqual(told, ['waits']);
  waiting?.end('later');
  assert.equal((await later).body, 'later');
  await eventually(() => told.length > 1, 'the end of the second request');
  assert.deepEqual(told, ['waits', 'is done']);
});
