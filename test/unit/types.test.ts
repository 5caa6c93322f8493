import assert from 'node:assert/strict';
import http, { type IncomingMessage } from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { createAdaptorServer } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import pino from 'pino';
import {
  Arbiter,
  ArbiterError,
  type ArbiterErrorCode,
  type ArbiterEvents,
  type ArbiterOptions,
  type ArbiterState,
  type ArbiterStats,
  type BindOption,
  type BoundAddress,
  type ExitReason,
  type FailingSlot,
  type Handler,
  type LogFields,
  type Logger,
  type QueueReport,
  type SlotRequest,
  type WorkerExit,
  type WorkerInfo,
  type WorkerTimeout,
} from 'prefork';
import { expectType } from '../helpers/expect-type.js';

/*
 * Checked by tsc, which builds this file: the lines below must compile, and those that a @ts-expect-error announces
 * must not. The exported functions are never called.
 */

export function events(arbiter: Arbiter): void {
  arbiter.on('listening', (address) => expectType<BoundAddress>()(address));
  arbiter.on('control', (address) => expectType<BoundAddress>()(address));
  arbiter.on('ready', (...args) => expectType<[]>()(args));
  arbiter.on('worker:spawn', (worker) => expectType<WorkerInfo>()(worker));
  arbiter.on('worker:ready', (worker) => expectType<WorkerInfo>()(worker));
  arbiter.once('worker:exit', (worker, exit) => {
    expectType<WorkerInfo>()(worker);
    expectType<WorkerExit>()(exit);
    expectType<ExitReason>()(exit.reason);
    expectType<number | null>()(exit.code);
    expectType<SlotRequest | undefined>()(exit.request);
  });
  arbiter.on('worker:timeout', (_worker, timeout) => expectType<WorkerTimeout>()(timeout));
  arbiter.on('worker:error', (_worker, error) => expectType<Error>()(error));
  arbiter.on('worker:backoff', (id, { delay, failures }) => {
    expectType<number>()(id);
    expectType<number>()(delay);
    expectType<number>()(failures);
  });
  arbiter.on('degraded', (slots) => expectType<readonly FailingSlot[]>()(slots));
  arbiter.on('queue:cut', (cut) => expectType<{ readonly asked: number; readonly backlog: number }>()(cut));
  arbiter.on('queue:high', (queue) => expectType<QueueReport>()(queue));
  arbiter.on('queue:normal', (queue) => expectType<QueueReport>()(queue));
  arbiter.on('recovered', (...args) => expectType<[]>()(args));
  arbiter.on('scale', (to, from) => expectType<[number, number]>()([to, from] as [number, number]));
  arbiter.on('signal', (name, origin) => {
    expectType<ArbiterEvents['signal'][0]>()(name);
    expectType<'terminal' | undefined>()(origin);
  });
  arbiter.on('hold', (...args) => expectType<[]>()(args));
  arbiter.on('resume', (...args) => expectType<[]>()(args));
  arbiter.on('stop', ({ graceful }) => expectType<boolean>()(graceful));
  arbiter.on('stopped', () => undefined);
  arbiter.on('error', (error) => expectType<Error>()(error));
  // @ts-expect-error: no such event
  arbiter.on('worker:died', () => undefined);
  // @ts-expect-error: the first argument is a worker
  arbiter.on('worker:exit', (code: number) => code);
  // @ts-expect-error: a snapshot is read only
  arbiter.on('worker:ready', (worker) => Object.assign(worker, {}).pid++);
}

export function options(): void {
  const all: Required<Omit<ArbiterOptions, 'app'>> = {
    name: 'a',
    workers: 2,
    workerClass: 'threaded',
    threads: 2,
    resourceLimits: { maxOldGenerationSizeMb: 64 },
    workerConnections: 10,
    keepAlive: 1,
    tls: { key: new URL('file:///key.pem'), cert: 'x', minVersion: 'TLSv1.3' },
    ticketKeyRotation: 3_600_000,
    http2: false,
    requestBuffer: 0,
    allowHalfOpen: true,
    bind: [':0', { path: '/s', mode: 0o600 }],
    backlog: 1,
    timeout: 1,
    watchdog: true,
    slowAfter: 0.5,
    bootTimeout: 1,
    gracefulTimeout: 1,
    drainDelay: 1,
    surge: '25%',
    spares: 1,
    maxRequests: 1,
    maxRequestsJitter: 1,
    maxMemory: 2 ** 30,
    headersTimeout: 1,
    requestTimeout: 1,
    maxHeaderSize: 1,
    maxHeadersCount: 1,
    server: { noDelay: true },
    cwd: '/',
    env: { A: '1', B: undefined },
    execArgv: ['--no-warnings'] as const,
    user: 'www',
    group: 33,
    umask: 0o22,
    pidFile: 'app.pid',
    accessLog: { path: 'access.log' },
    accessLogFormat: 'json',
    trustProxy: ['10.0.0.0/8', 'unix'],
    proxyProtocol: true,
    requestId: true,
    notify: false,
    control: { path: '/run/control', mode: 0o660 },
    signals: { SIGINT: false },
    logger: console,
  };
  new Arbiter({ app: './app.js', ...all });
  // An option that is undefined counts as not given. That also compiles with `exactOptionalPropertyTypes`.
  new Arbiter({ app: './app.js', ...({} as Record<Exclude<keyof ArbiterOptions, 'app'>, undefined>) });
  new Arbiter({ app: './app.js', bind: { path: '/s', mode: undefined, user: undefined, group: undefined } });
  new Arbiter({ app: './app.js', accessLog: { path: 'a', stream: undefined, format: undefined } });
  new Arbiter({ app: new URL('file:///app.js'), env: process.env });
  for (const bind of [
    ':80',
    { port: 80 },
    { host: '::1', port: 80 },
    { path: '/s' },
    { fd: 3 },
    'systemd:web',
  ] satisfies BindOption[]) {
    new Arbiter({ app: './app.js', bind });
    new Arbiter({ app: './app.js', bind: [bind] });
  }
  const own = (fields: LogFields, message: string): void => console.log(fields.event, message);
  for (const logger of [
    true,
    pino(),
    pino().child({ arbiter: 'a' }),
    console,
    { debug() {}, info: () => undefined, warn: own, error: own },
    { ...console, reopen: () => undefined },
    Object.assign(pino(), { reopen: () => undefined }),
  ] satisfies (boolean | Logger)[]) {
    new Arbiter({ app: './app.js', logger });
  }
  // @ts-expect-error: a method is missing
  new Arbiter({ app: './app.js', logger: { debug: own, info: own, error: own } });
  // @ts-expect-error: app is required
  new Arbiter({});
  // @ts-expect-error: an unknown option
  new Arbiter({ app: './app.js', worker: 2 });
  // @ts-expect-error: neither a path nor a stream
  new Arbiter({ app: './app.js', accessLog: { path: 1 } });
  // @ts-expect-error: a number
  new Arbiter({ app: './app.js', workers: '2' });
  // @ts-expect-error: no class of this name
  new Arbiter({ app: './app.js', workerClass: 'gevent' });
  // @ts-expect-error: an address without a port
  new Arbiter({ app: './app.js', bind: { host: 'localhost' } });
  // @ts-expect-error: strings
  new Arbiter({ app: './app.js', execArgv: [1] });
  // @ts-expect-error: not a signal of the master
  new Arbiter({ app: './app.js', signals: { SIGKILL: true } });
  // @ts-expect-error: milliseconds, not text
  new Arbiter({ app: './app.js', gracefulTimeout: '30s' });
  // @ts-expect-error: options are read only
  all.workers = 3;
}

export function generic(): void {
  expectType<Arbiter<Handler>>()(new Arbiter({ app: './app.js' }) as Arbiter);
  // The parameters of the handler have types without an annotation.
  new Arbiter({
    app: (request, response) => {
      expectType<IncomingMessage>()(request);
      response.end('hello');
    },
  });
  new Arbiter({ app: Promise.resolve<Handler>(async (_request, response) => response.end()) });
  type Lookup = (key: string) => number;
  new Arbiter<Lookup>({ app: (key) => key.length });
  // @ts-expect-error: not of the handler type that was named
  new Arbiter<Lookup>({ app: (key: number) => key });
}

export async function handlers(): Promise<void> {
  const routed = fastify();
  for (const app of [express(), new Koa(), routed, new Hono(), http.createServer()]) new Arbiter({ app });
  new Arbiter({ app: express() });
  new Arbiter({ app: new Koa() });
  new Arbiter({ app: routed });
  new Arbiter({ app: fastify({ logger: true }).withTypeProvider() });
  new Arbiter({ app: new Hono() });
  new Arbiter({ app: new Hono<{ Bindings: { DB: string }; Variables: { user: string } }>() });
  new Arbiter({ app: http.createServer() });
  new Arbiter({ app: createAdaptorServer({ fetch: new Hono().fetch }) as http.Server });
  new Arbiter({ app: Promise.resolve(new Koa()) });
  new Arbiter({ app: import('./types.test.js').then(() => new Hono()) });
  new Arbiter({
    app: {
      fetch(request, { incoming }) {
        expectType<Request>()(request);
        expectType<IncomingMessage>()(incoming);
        return new Response(request.url);
      },
    },
  });
  new Arbiter({ app: { fetch: async (request) => new Response(request.body) } });
  new Arbiter({ app: { callback: () => (request, response) => response.end(request.url) } });
  const handler: Handler = (request, response) => response.end(request.url);
  new Arbiter({ app: handler });
  // @ts-expect-error: nothing that can be served
  new Arbiter({ app: {} });
  // @ts-expect-error: nothing that can be served
  new Arbiter({ app: { port: 8000 } });
  // @ts-expect-error: nothing that can be served
  new Arbiter({ app: 42 });
  // @ts-expect-error: nothing that can be served
  new Arbiter({ app: null });
  // @ts-expect-error: a class, not an instance
  new Arbiter({ app: Koa });
  // @ts-expect-error: a Fetch handler answers
  new Arbiter({ app: { fetch: () => undefined } });
  // @ts-expect-error: not HTTP
  new Arbiter({ app: net.createServer() });
  // @ts-expect-error: a promise of nothing that can be served
  new Arbiter({ app: Promise.resolve({ port: 8000 }) });
  // @ts-expect-error: not the objects of Node
  new Arbiter({ app: (request: Request) => new Response(request.url) });
}

export async function members(arbiter: Arbiter): Promise<void> {
  expectType<Promise<void>>()(arbiter.start());
  expectType<Promise<void>>()(arbiter.run());
  expectType<Promise<void>>()(arbiter.stop());
  expectType<Promise<void>>()(arbiter.stop({ graceful: false }));
  expectType<Promise<void>>()(arbiter.scale(3));
  expectType<ArbiterState>()(arbiter.state);
  expectType<readonly WorkerInfo[]>()(arbiter.workers);
  expectType<readonly BoundAddress[]>()(arbiter.addresses);
  expectType<ArbiterStats<ArbiterState>>()(arbiter.stats());
  expectType<boolean>()(Arbiter.isWorker);
  await using disposed = arbiter;
  // @ts-expect-error: read only
  disposed.state = 'running';
  // @ts-expect-error: read only
  arbiter.workers.pop();
  // @ts-expect-error: a number
  await arbiter.scale('3');
}

export function errors(error: ArbiterError): void {
  expectType<ArbiterErrorCode>()(error.code);
  expectType<number>()(error.exitCode);
  // @ts-expect-error: no such code
  new ArbiterError('ERR_UNKNOWN', '');
  // @ts-expect-error: no such code to compare with
  if (error.code === 'ERR_UNKNOWN') throw error;
}

test('the type tests were compiled against the classes that run', () => {
  assert.equal(typeof Arbiter, 'function');
  assert.ok(new ArbiterError('ERR_STATE', '') instanceof Error);
});
