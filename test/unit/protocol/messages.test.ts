import assert from 'node:assert/strict';
import test from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import type { SlowReport, ThreadActivity } from '../../../build/protocol/activity.js';
import {
  type BootPhase,
  encodeMessage,
  MAX_LINE,
  parseMessage,
  type WorkerMessage,
} from '../../../build/protocol/messages.js';
import { encodeSpec, SPEC_VARIABLE, takeSpec, type WorkerSpec } from '../../../build/protocol/spec.js';
import { messageOf, reviveError, type SerializedError, serializeError } from '../../../build/serialized-error.js';
import { textless } from '../../helpers/textless.js';

const PHASES: readonly BootPhase[] = ['bind', 'load', 'boot'];
const plain = { noNullPrototype: true };
const text = fc.string({ unit: 'binary', maxLength: 40 });

function errorOf(depth: number): fc.Arbitrary<SerializedError> {
  const model = { name: text, message: text, stack: text, code: text };
  const requiredKeys: ('name' | 'message')[] = ['name', 'message'];
  if (depth === 0) return fc.record(model, { requiredKeys, ...plain });
  return fc.record({ ...model, cause: errorOf(depth - 1) }, { requiredKeys, ...plain });
}
const error = errorOf(4);
const served = fc.record(
  { method: fc.string(), url: fc.string(), startedAt: fc.nat(), remoteAddress: fc.string() },
  { requiredKeys: ['method', 'url', 'startedAt'], ...plain },
);
const activity = {
  doing: fc.constantFrom('javascript' as const, 'native' as const, 'waiting' as const),
  stack: fc.string(),
  kernel: fc.record(
    { state: fc.string(), syscall: fc.string(), wchan: fc.string() },
    { requiredKeys: ['state'], ...plain },
  ),
  pending: fc.array(fc.string()),
  paused: fc.nat(),
  thread: fc.nat(),
  request: served,
};

const metric = {
  name: fc.constant('a'),
  help: fc.string(),
  type: fc.constantFrom('counter' as const, 'histogram' as const),
  aggregator: fc.constantFrom('sum' as const, 'omit' as const),
};
const sample = {
  name: fc.constant('a'),
  labels: fc.dictionary(fc.constantFrom('path', 'code'), fc.string(), plain),
  value: fc.nat(),
};

function isActivity({ doing, stack, pending = [], thread, paused, kernel }: ThreadActivity | SlowReport): void {
  assert.ok(doing === undefined || ['javascript', 'native', 'waiting'].includes(doing));
  assert.ok(stack === undefined || typeof stack === 'string');
  assert.ok(thread === undefined || typeof thread === 'number');
  assert.ok(paused === undefined || typeof paused === 'number');
  assert.ok(kernel === undefined || typeof kernel.state === 'string');
  assert.ok(pending.every((item) => typeof item === 'string'));
}

const message: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({ type: fc.constantFrom('ready', 'spare', 'term') }, plain),
  fc.record(
    { type: fc.constant('ready' as const), since: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }) },
    plain,
  ),
  fc.record({ type: fc.constant('error' as const), error }, plain),
  fc.record(
    { type: fc.constant('user' as const), message: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))) },
    plain,
  ),
  fc.record(
    {
      type: fc.constant('thread' as const),
      thread: fc.nat(300),
      code: fc.integer(),
      reason: fc.constantFrom('crash', 'timeout'),
      request: fc.record({ method: fc.string(), url: fc.string(), startedAt: fc.nat() }, plain),
    },
    { requiredKeys: ['type', 'thread', 'code', 'reason'], ...plain },
  ),
  fc.record(
    {
      type: fc.constant('slow' as const),
      age: fc.nat(),
      pauses: fc.record({ count: fc.nat(), total: fc.nat() }, plain),
      ...activity,
      suppressed: fc.nat(),
    },
    { requiredKeys: ['type', 'age', 'pauses'], ...plain },
  ),
  fc.record(
    {
      type: fc.constant('stacks' as const),
      ask: fc.nat(255),
      threads: fc.array(fc.record({ active: fc.nat(), ...activity }, { requiredKeys: ['active'], ...plain })),
    },
    plain,
  ),
  fc.record(
    {
      type: fc.constant('timeout' as const),
      clock: fc.constantFrom('boot', 'request', 'loop'),
      elapsed: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
      answered: fc.boolean(),
      hung: fc.constantFrom('javascript', 'native', 'waiting'),
      stack: fc.string(),
      pending: fc.array(fc.string()),
      thread: fc.nat(),
      request: fc.record(
        { method: fc.string(), url: fc.string(), startedAt: fc.nat(), remoteAddress: fc.string() },
        { requiredKeys: ['method', 'url', 'startedAt'], ...plain },
      ),
    },
    { requiredKeys: ['type', 'clock', 'elapsed', 'answered'], ...plain },
  ),
  fc.record(
    {
      type: fc.constant('warning' as const),
      code: fc.constantFrom('connections' as const, 'exit' as const),
      message: fc.string(),
      repeated: fc.nat(),
      thread: fc.nat(300),
      stack: fc.string(),
    },
    { requiredKeys: ['type', 'code', 'message'], ...plain },
  ),
  fc.record(
    {
      type: fc.constant('metrics' as const),
      thread: fc.nat(300),
      ask: fc.nat(255),
      metrics: fc.array(fc.record({ ...metric, samples: fc.array(fc.record(sample, plain)) }, plain), { maxLength: 2 }),
    },
    { requiredKeys: ['type', 'thread'], ...plain },
  ),
  fc.record({ type: fc.constant('adopt' as const), pid: fc.nat().map((pid) => pid + 2), born: fc.nat() }, plain),
  fc.record({ type: fc.constant('recycle' as const), why: fc.constantFrom('requests', 'memory') }, plain),
  fc.record(
    { type: fc.constant('failed' as const), phase: fc.constantFrom(...PHASES), error, socket: fc.nat(100) },
    { requiredKeys: ['type', 'phase', 'error'], ...plain },
  ),
);

/** Checks that a message fits its type: exactly the known keys, each of its type. */
function assertWellFormed(value: WorkerMessage): void {
  const allowed = {
    ready: ['type', 'since'],
    error: ['type', 'error'],
    failed: ['type', 'phase', 'error', 'socket'],
    thread: ['type', 'thread', 'code', 'reason', 'request'],
    user: ['type', 'message', 'thread'],
    slow: ['type', 'age', 'pauses', 'suppressed', ...Object.keys(activity)],
    stacks: ['type', 'ask', 'threads'],
    recycle: ['type', 'why'],
    spare: ['type'],
    term: ['type'],
    adopt: ['type', 'pid', 'born'],
    metrics: ['type', 'thread', 'ask', 'metrics'],
    warning: ['type', 'code', 'message', 'repeated', 'thread', 'stack'],
    timeout: ['type', 'clock', 'elapsed', 'request', 'hung', 'stack', 'pending', 'thread', 'answered'],
  }[value.type];
  assert.ok(allowed, `a message of type ${value.type}`);
  for (const key of Object.keys(value)) assert.ok(allowed.includes(key), `a key ${key}`);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  if (value.type === 'ready' || value.type === 'spare' || value.type === 'term' || value.type === 'user') return;
  if (value.type === 'adopt') {
    assert.ok(Number.isSafeInteger(value.pid) && value.pid > 1 && Number.isSafeInteger(value.born));
    return;
  }
  // Another test checks what metrics are made of.
  if (value.type === 'metrics') return void assert.ok(Number.isInteger(value.thread));
  if (value.type === 'recycle') return void assert.ok(['requests', 'memory'].includes(value.why));
  if (value.type === 'warning') {
    assert.deepEqual([typeof value.code, typeof value.message], ['string', 'string']);
    return;
  }
  if (value.type === 'thread') {
    assert.deepEqual([typeof value.thread, typeof value.code], ['number', 'number']);
    return;
  }
  if (value.type === 'slow') {
    const { age, pauses } = value;
    assert.deepEqual([typeof age, typeof pauses.count, typeof pauses.total], ['number', 'number', 'number']);
    isActivity(value);
    return;
  }
  if (value.type === 'stacks') {
    assert.equal(typeof value.ask, 'number');
    for (const thread of value.threads) isActivity(thread);
    return;
  }
  if (value.type === 'timeout') {
    const { clock, elapsed, answered, hung, stack, pending = [], thread } = value;
    assert.ok(['boot', 'request', 'loop'].includes(clock));
    assert.deepEqual([typeof elapsed, typeof answered], ['number', 'boolean']);
    assert.ok(hung === undefined || ['javascript', 'native', 'waiting'].includes(hung));
    assert.ok(stack === undefined || typeof stack === 'string');
    assert.ok(thread === undefined || typeof thread === 'number');
    assert.ok(pending.every((item) => typeof item === 'string'));
    return;
  }
  if (value.type === 'failed') {
    assert.ok(PHASES.includes(value.phase));
    assert.ok(value.socket === undefined || Number.isInteger(value.socket));
  }
  let depth = 0;
  for (let at: SerializedError | undefined = value.error; at; at = at.cause, depth++) {
    const { cause: _, ...strings } = at;
    assert.equal(typeof at.name, 'string');
    assert.equal(typeof at.message, 'string');
    for (const [key, own] of Object.entries(strings)) {
      assert.ok(['name', 'message', 'stack', 'code'].includes(key) && typeof own === 'string', key);
    }
  }
  assert.ok(depth <= 5, `a chain of ${depth}`);
}

test('a message is a line of its own, and parses to itself', () => {
  fc.assert(
    fc.property(message, (given) => {
      const [before, line, after, ...more] = encodeMessage(given).split('\n');
      assert.deepEqual([before, after, more], ['', '', []]);
      assert.deepEqual(parseMessage(line as string), given);
    }),
  );
});

test('no line makes the master throw or act on a malformed message', () => {
  const key = fc.constantFrom(
    'type',
    'error',
    'phase',
    'socket',
    'why',
    'name',
    'message',
    'stack',
    'code',
    'cause',
    '__proto__',
  );
  const word = fc.constantFrom(
    'ready',
    'error',
    'failed',
    'recycle',
    'bind',
    'load',
    'requests',
    1,
    -1,
    1.5,
    null,
    true,
    'x',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      word,
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      fc.array(tie('tree'), { maxLength: 2 }),
    ),
  }));
  const check = (line: string): void => {
    const parsed = parseMessage(line);
    if (parsed) assertWellFormed(parsed);
  };
  fc.assert(fc.property(fc.string({ unit: 'binary' }), check));
  fc.assert(fc.property(fc.json(), check));
  fc.assert(
    fc.property(tree, (value) => check(JSON.stringify(value))),
    { numRuns: 2000 },
  );
  // Messages with one part replaced, so that they are nearly right.
  fc.assert(
    fc.property(message, fc.constantFrom('type', 'phase', 'socket', 'error', 'why'), tree, (given, part, value) =>
      check(JSON.stringify({ ...given, [part]: value })),
    ),
    { numRuns: 1000 },
  );
});

test('no message is an exception in the master in which anything has become an object without a text', () => {
  fc.assert(
    fc.property(message, textless, fc.nat(20), (given, value, at) => {
      let count = 0;
      const line = JSON.stringify(given, (_key, part) => {
        // The value that is put in is not replaced again.
        if (typeof part === 'object' || count++ !== at) return part;
        return value;
      });
      const parsed = parseMessage(line);
      if (parsed) assertWellFormed(parsed);
    }),
    { numRuns: 2000 },
  );
});

const REFUSED: Readonly<Record<string, string>> = {
  'an empty line': '',
  'no JSON': 'Debugger attached.',
  'not an object': '[{"type":"ready"}]',
  null: 'null',
  'an unknown type': '{"type":"reload","error":{"name":"E","message":"m"}}',
  'an error without its error': '{"type":"error"}',
  'an error of a wrong kind': '{"type":"error","error":"text"}',
  'an error without a name': '{"type":"error","error":{"message":"m"}}',
  'an error without a message': '{"type":"error","error":{"name":"E"}}',
  'a failure of an unknown phase': '{"type":"failed","phase":"toString","error":{"name":"E","message":"m"}}',
  'a wish to be recycled without a cause': '{"type":"recycle"}',
  'a wish to be recycled of an unknown cause': '{"type":"recycle","why":"toString"}',
  'a type that is inherited': '{"__proto__":{"type":"ready"}}',
  'half a line': '{"type":"rea',
};
for (const [what, line] of Object.entries(REFUSED)) {
  test(`${what} is no message`, () => assert.equal(parseMessage(line), undefined));
}

test('a key of the prototype pollutes nothing', () => {
  const line =
    '{"type":"error","__proto__":{"polluted":1},"error":{"name":"E","message":"m","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}';
  const parsed = parseMessage(line);
  assert.deepEqual(parsed, { type: 'error', error: { name: 'E', message: 'm' } });
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal((parsed as { polluted?: number }).polluted, undefined);
});

test('a spec is taken from the environment once, and is no more there', () => {
  const spec: WorkerSpec = {
    name: 'a"b',
    id: 1,
    age: 2,
    generation: 1,
    slot: 0,
    rest: 0,
    sockets: 1,
    locals: [':1F90'],
    copies: 1,
    backlog: 5,
    direct: false,
    serving: { workerConnections: 1, keepAlive: 1, threads: 1, http2: false, requestBuffer: 1, allowHalfOpen: false },
    gracefulTimeout: 3,
    clocks: { timeout: 1, bootTimeout: 2, watchdog: false, slowAfter: 0 },
    spawnedAt: 1.5,
    tls: false,
    http: {},
    recycle: { maxRequests: 0, maxRequestsJitter: 0, maxMemory: 0 },
    logged: true,
  };
  const env: NodeJS.ProcessEnv = { [SPEC_VARIABLE]: encodeSpec(spec), PATH: '/bin' };
  assert.deepEqual(takeSpec(env), spec);
  assert.deepEqual(env, { PATH: '/bin' });
  assert.equal(takeSpec(env), undefined);
});

test('an error comes out as it went in: name, message, code, stack and causes', () => {
  class HttpError extends RangeError {
    override readonly name = 'HttpError';
    readonly code = 'E_HTTP';
  }
  const thrown = new HttpError('outer', { cause: new TypeError('inner', { cause: 'a string' }) });
  const revived = reviveError(serializeError(thrown)) as NodeJS.ErrnoException;
  assert.ok(revived instanceof Error);
  const { name, message: said, code, stack } = revived;
  assert.deepEqual(
    { name, said, code, stack },
    { name: 'HttpError', said: 'outer', code: 'E_HTTP', stack: thrown.stack },
  );
  // As with errors of Node, enumeration shows the code, but not the name and the stack.
  assert.deepEqual(Object.keys(revived), ['code']);
  const inner = revived.cause as Error;
  assert.deepEqual([inner.name, inner.message], ['TypeError', 'inner']);
  assert.equal((inner.cause as Error).message, "thrown: 'a string'");
});

test('of an error that stands for several, each is told; where it has no message of its own, theirs are one', async () => {
  const refused = (host: string): Error =>
    Object.assign(new Error(`connect ECONNREFUSED ${host}:5432`), { code: 'ECONNREFUSED' });
  // As Node makes it if each address of a name refuses a connection.
  const several = Object.assign(new AggregateError([refused('::1'), refused('127.0.0.1')]), { code: 'ECONNREFUSED' });
  const line = encodeMessage({
    type: 'error',
    error: serializeError(new TypeError('fetch failed', { cause: several })),
  });
  const parsed = parseMessage(line);
  assert.ok(parsed?.type === 'error');
  const cause = reviveError(parsed.error).cause as AggregateError;
  const messages = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'];
  assert.equal(cause.message, messages.join('; '));
  assert.deepEqual(Object.keys(cause), ['code']);
  assert.deepEqual(
    cause.errors.map(({ message, code }) => [message, code]),
    messages.map((message) => [message, 'ECONNREFUSED']),
  );
  assert.equal(messageOf(several), messages.join('; '));
  // An error that has its own message keeps it, and what is no list of errors is not taken for one.
  assert.equal(serializeError(new AggregateError([refused('::1')], 'all of them')).message, 'all of them');
  for (const errors of ['text', [], ['text', { password: 'secret' }]]) {
    assert.equal(serializeError(Object.assign(new Error('m'), { errors })).errors, undefined);
  }
  assert.equal(serializeError(Object.assign(new Error('m'), { errors: [refused('::1')] })).errors?.length, 1);
  // Each error keeps its own cause. Where an error has no message, a word stands in for it.
  const both = Promise.any([
    Promise.reject(new TypeError('fetch failed', { cause: refused('::1') })),
    Promise.reject(several),
  ]);
  const { errors = [], message } = serializeError(await both.catch((error) => Object.assign(error, { message: '' })));
  assert.equal(message, 'fetch failed; ECONNREFUSED');
  assert.equal(errors[0]?.cause?.message, messages[0]);
  assert.deepEqual(
    serializeError(new AggregateError(['text', 5])).errors?.map(({ message }) => message),
    ["thrown: 'text'", 'thrown: 5'],
  );
});

test('what is thrown and no error is described', () => {
  for (const [thrown, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', "'text'"],
    [{ code: 5 }, '{ code: 5 }'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), '[Object: null prototype] {}'],
  ] as const) {
    assert.deepEqual(serializeError(thrown), { name: 'Error', message: `thrown: ${shown}` });
  }
  // An error of another realm still shows its stack.
  assert.match(serializeError(vm.runInNewContext('new TypeError("far")')).message, /TypeError: far\n\s+at /);
});

test('an error that cannot be read does not stop the report', () => {
  const throws = (): never => {
    throw new Error('getter');
  };
  const hostile = [
    ...['name', 'message', 'stack', 'code', 'cause', 'errors'].map((key) =>
      Object.defineProperty(new Error('m'), key, { get: throws }),
    ),
    Object.assign(new Error('m'), { name: { toString: throws } }),
    Object.assign(new Error('m'), { message: Symbol('s') }),
    new Proxy({}, { getPrototypeOf: throws }),
    { [Symbol.for('nodejs.util.inspect.custom')]: throws },
  ];
  for (const thrown of hostile) assertWellFormed({ type: 'error', error: serializeError(thrown) });
  const { message } = serializeError(Object.defineProperty(new Error('its own'), 'errors', { get: throws }));
  assert.equal(message, 'its own');
  // Properties of other types than those of an error are left out, not converted.
  assert.deepEqual(serializeError(Object.assign(new Error('m'), { stack: 5, code: 5 })), {
    name: 'Error',
    message: 'm',
  });
});

test('a chain of causes is cut, also one that is a circle', () => {
  const circle = new Error('0');
  circle.cause = circle;
  const line = encodeMessage({ type: 'error', error: serializeError(circle) });
  const parsed = parseMessage(line);
  assert.ok(parsed?.type === 'error');
  assertWellFormed(parsed);
  // A worker that writes its own lines cannot make the master follow a chain for ever either.
  const chain = (depth: number): string =>
    `{"name":"E","message":"m"${depth > 0 ? `,"cause":${chain(depth - 1)}` : ''}}`;
  const long = parseMessage(`{"type":"error","error":${chain(100)}}`);
  assert.ok(long);
  assertWellFormed(long);
  // A worker cuts what it writes at the same depth at which the master cuts what it takes.
  assert.deepEqual(parsed.error, serializeError(circle));
});

test('the longest error that can be written is a line that is read', () => {
  // \0 takes six characters in JSON.
  const long = '\0'.repeat(1_000_000);
  const worst = (depth: number): Error =>
    Object.assign(new Error(long, depth > 0 ? { cause: worst(depth - 1) } : {}), {
      ...{ name: long, stack: long, code: long },
      errors: depth > 0 ? Array.from({ length: 9 }, () => worst(0)) : [],
    });
  const line = encodeMessage({ type: 'failed', phase: 'load', socket: 99, error: serializeError(worst(9)) });
  assert.ok(line.length < MAX_LINE, `${line.length} characters of ${MAX_LINE}`);
  const parsed = parseMessage(line);
  assert.ok(parsed?.type === 'failed');
  assert.match(parsed.error.message, /\0…$/);
});
