/* Where the CPU time of some processes goes, measured by perf: by kind of code, and in the kernel by system call. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep } from './peer.mjs';

/** With this in NODE_OPTIONS, V8 tells perf the names of what it compiles. */
export const NAMED = '--perf-basic-prof';
/** Samples per second of CPU time; a prime, so that no periodic work keeps step with the sampling. */
const FREQUENCY = 997;
const ATTACHING = 700;

/** A JavaScript function and its file, as V8 names it for perf: `JS:*listener file:///a/b.js:10:3`. */
const SCRIPT = /^(?:JS|LazyCompile|Function|Eval|Script|Handler|RegExp|InterpretedFunction):[*~^+']*\S* (.*)$/;

/** Removes the logs that V8 writes besides, because of NAMED: one for each isolate, in the current folder. */
export function removeLogs() {
  for (const name of readdirSync('.'))
    if (/^isolate-0x[0-9a-f]+-\d+-v8\.log$/.test(name)) rmSync(name, { force: true });
}

/**
 * @param {readonly number[]} pids
 * @param {() => Promise<unknown>} run
 * @returns {Promise<Map<string, number>>} the share of each kind of code, between 0 and 1
 */
export async function profile(pids, run) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-perf-'));
  const file = join(folder, 'data');
  try {
    const args = ['record', '-q', '-F', FREQUENCY, '-g', '-o', file, '-p', pids.join(',')].map(String);
    const perf = keep(spawn('perf', args, { stdio: 'ignore' }));
    const ended = once(perf, 'close');
    await Promise.race([sleep(ATTACHING), ended]);
    await run();
    perf.kill('SIGINT');
    await ended;
    const fields = ['script', '-i', file, '-F', 'ip,sym,dso'];
    const { stdout } = spawnSync('perf', fields, {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return shares(stdout.split('\n\n').map((sample) => sample.split('\n').filter((line) => line.trim() !== '')));
  } finally {
    rmSync(folder, { recursive: true });
    for (const name of readdirSync('/tmp')) if (mapOf(name, pids)) rmSync(join('/tmp', name), { force: true });
  }
}

const mapOf = (name, pids) => pids.includes(Number(/^perf-(\d+)\.map$/.exec(name)?.[1]));

function shares(samples) {
  const counts = new Map();
  let total = 0;
  for (const frames of samples) {
    if (frames.length === 0) continue;
    const kind = kindOf(frames);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    total++;
  }
  return new Map([...counts].map(([kind, count]) => [kind, count / total]));
}

/** The kind of code of a sample, by its innermost frame. */
export function kindOf(frames) {
  const [, symbol = '', where = ''] = /^\s*[0-9a-f]+ (.*) \((.*)\)$/.exec(frames[0]) ?? [];
  if (/kernel|\[guest|vmlinux|\.ko/.test(where)) return `kernel: ${callOf(frames)}`;
  const script = SCRIPT.exec(symbol)?.[1];
  if (script !== undefined) {
    if (script.startsWith('node:')) return "Node's JavaScript";
    return /\/dist\//.test(script) ? "this library's JavaScript" : 'other JavaScript';
  }
  if (/^(?:v8::|cppgc|Builtins_)/.test(symbol) && /Scaveng|Mark|Sweep|Heap|GC|Evacuat/.test(symbol))
    return 'garbage collector';
  if (/Handler$|BytecodeHandler|InterpreterEntry/.test(symbol)) return 'V8: interpreter';
  if (/^v8::.*(?:[cC]ompil|[pP]ars|interpreter|baseline|maglev|turbo|Bytecode|AstR|Zone)/.test(symbol))
    return 'V8: compiling';
  if (/^(?:v8::|Builtins_).*(?:IC(?:_|$|::|Base)|StubCache|LookupIterator)/.test(symbol))
    return 'V8: access to properties';
  if (/^(?:v8::|Builtins_|Builtin:|Stub:)/.test(symbol)) return 'V8: else';
  if (/^(?:llhttp|node::)/.test(symbol)) return "Node's C++";
  return /^uv_/.test(symbol) ? 'libuv' : 'other native code';
}

/** The system call that a frame of the kernel belongs to. */
function callOf(frames) {
  for (const frame of frames) {
    const call = /__(?:x64|arm64|se)_sys_(\w+)/.exec(frame)?.[1];
    if (call !== undefined) return call;
  }
  return 'else';
}
