import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test from 'node:test';
import {
  type Acceptor,
  Arbiter,
  AsyncWorker,
  type Handler,
  HttpWorker,
  type Listener,
  type OwnWorker,
  type ServingOptions,
  SyncWorker,
  type ThreadExit,
  ThreadedWorker,
  type WarningCode,
  Worker,
  type WorkerInfo,
  type WorkerWarning,
  worker,
} from 'prefork';
import { expectType } from '../helpers/expect-type.js';

/* As in types.test.ts: what follows is compiled, and never called. */

type Lookup = (key: string) => number;
const lookup: Lookup = (key) => key.length;
const reply = (_request: IncomingMessage, response: ServerResponse): void => void response.end();

class LookupWorker extends Worker<Lookup> {
  #acceptor: Acceptor | undefined;

  override run(): Promise<void> | undefined {
    expectType<Lookup>()(this.app);
    expectType<number>()(this.id);
    expectType<AbortSignal>()(this.signal);
    expectType<ServingOptions>()(this.options);
    this.send({ anything: this.app('a') });
    this.#acceptor = this.createAcceptor({ capacity: 1, onConnection: (socket) => socket.end() });
    const done = this.begin('LOOKUP', 'key');
    done(true);
    return this.#acceptor.open();
  }

  override async stop(): Promise<void> {
    await this.#acceptor?.close();
  }
}

class HttpLookup extends ThreadedWorker<Lookup> {
  protected override createListener(app: Lookup): Listener {
    return { request: ({ url = '' }, response) => response.end(String(app(url))) };
  }
}

class Loud extends SyncWorker {
  override abort(): void {}

  override crash(): void {}

  protected override handle(request: IncomingMessage, response: ServerResponse): unknown {
    expectType<Handler>()(this.app);
    return super.handle(request, response);
  }
}

export function matching(): void {
  new Arbiter<Lookup>({ app: lookup, workerClass: LookupWorker });
  new Arbiter<Lookup>({ app: lookup, workerClass: HttpLookup, threads: 2 });
  new Arbiter<Lookup>({ app: Promise.resolve(lookup), workerClass: LookupWorker, bind: [] });
  new Arbiter<Lookup>({ app: './app.js', workerClass: './lookup.js#LookupWorker' });
  // The class tells what the application is.
  expectType<Arbiter<Lookup>>()(new Arbiter({ app: (key) => key.length, workerClass: LookupWorker }));
  new Arbiter({ app: reply, workerClass: Loud });
  new Arbiter({ app: reply, workerClass: SyncWorker });
  new Arbiter({ app: reply, workerClass: ThreadedWorker });
  new Arbiter<Handler>({ app: (_request, response) => response.end(), workerClass: AsyncWorker });
  for (const workerClass of ['sync', 'threaded', 'async'] as const) new Arbiter({ app: reply, workerClass });
  for (const workerClass of ['./mine.js', '/mine.js', 'file:///mine.js', 'package#Mine', './mine.js#Mine'] as const) {
    new Arbiter({ app: reply, workerClass });
  }
}

export function mismatching(): void {
  // @ts-expect-error: the application is not what the class serves
  new Arbiter<Lookup>({ app: (key: number) => key, workerClass: LookupWorker });
  // @ts-expect-error: the same, with nothing named
  new Arbiter({ app: (key: number) => key, workerClass: LookupWorker });
  // @ts-expect-error: the application of another class
  new Arbiter({ app: reply, workerClass: LookupWorker });
  // @ts-expect-error: the class serves another type
  new Arbiter<(key: number) => number>({ app: (key) => key, workerClass: LookupWorker });
  // @ts-expect-error: a class for requests, and an application that is none
  new Arbiter<Lookup>({ app: lookup, workerClass: Loud });
  // @ts-expect-error: a built-in class serves requests
  new Arbiter<Lookup>({ app: lookup, workerClass: 'sync' });
  // @ts-expect-error: a built-in class serves requests
  new Arbiter<Lookup>({ app: lookup, workerClass: 'threaded' });
  // @ts-expect-error: a built-in class serves requests
  new Arbiter<Lookup>({ app: './app.js', workerClass: 'async' });
  // @ts-expect-error: not a class that can be made
  new Arbiter({ app: reply, workerClass: HttpWorker });
  // @ts-expect-error: no worker class
  new Arbiter({ app: reply, workerClass: Map });
  // @ts-expect-error: an instance
  new Arbiter({ app: reply, workerClass: {} as SyncWorker });
  // @ts-expect-error: a bare word is a misspelt class
  new Arbiter({ app: reply, workerClass: 'gevent' });
}

// @ts-expect-error: a worker must be able to stop
export class NeverStops extends Worker<Lookup> {
  override run(): void {}
}

export async function own(self: OwnWorker): Promise<void> {
  expectType<OwnWorker | undefined>()(worker);
  expectType<AbortSignal>()(self.signal);
  expectType<AbortSignal | undefined>()(worker?.signal);
  self.signal.addEventListener('abort', () => undefined);
  // @ts-expect-error: read only
  self.signal = AbortSignal.abort();
  expectType<number>()(self.thread);
  expectType<Promise<SharedArrayBuffer>>()(self.shared('name', 4));
  expectType<void>()(self.send({ any: ['thing'] }));
  // @ts-expect-error: a size too
  await self.shared('name');
  // @ts-expect-error: read only
  self.id = 2;
}

export function events(arbiter: Arbiter): void {
  arbiter.on('thread:exit', (info, exit) => {
    expectType<WorkerInfo>()(info);
    expectType<ThreadExit>()(exit);
    expectType<number>()(exit.thread);
    expectType<number>()(exit.code);
  });
  arbiter.on('worker:warning', (_, warning) => {
    expectType<WorkerWarning>()(warning);
    expectType<WarningCode>()(warning.code);
  });
  arbiter.on('worker:message', (info, message) => {
    expectType<WorkerInfo>()(info);
    expectType<unknown>()(message);
  });
}

test('the type tests of classes were compiled against the classes that run', () => {
  for (const Class of [LookupWorker, HttpLookup, Loud]) assert.ok(Class.prototype instanceof Worker);
  assert.deepEqual([LookupWorker.kind, HttpLookup.kind, Loud.kind], ['process', 'threads', 'process']);
  // This test does not run in a worker.
  assert.equal(worker, undefined);
});

test('a class for an inline application is no option of a module, and the other way round', () => {
  const refused = { code: 'ERR_INVALID_OPTION' };
  assert.throws(() => new Arbiter({ app: './app.js', workerClass: LookupWorker }), refused);
  assert.throws(() => new Arbiter({ app: reply, workerClass: Map as never }), refused);
  assert.doesNotThrow(() => new Arbiter({ app: lookup, workerClass: LookupWorker }));
  assert.doesNotThrow(() => new Arbiter<Lookup>({ app: lookup, workerClass: './lookup.js#LookupWorker' }));
});
