import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
// @ts-expect-error: it has no types.
import parse from 'parse-prometheus-text-format';

/** A family of metrics, as an independent parser reads it. */
export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metrics: readonly object[];
}

/** The values of all samples of a text, by name and labels. */
export type Numbers = ReadonlyMap<string, number>;

/** Reads all samples. In their keys the labels are sorted, and `name` is left out: it is the same everywhere. */
export function readNumbers(text: string): Numbers {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(line);
    const pairs = labels.match(/\w+="(?:[^"\\]|\\.)*"/g)?.filter((pair) => !pair.startsWith('name=')) ?? [];
    const key = pairs.length === 0 ? name : `${name}{${pairs.sort().join(',')}}`;
    assert.ok(!found.has(key), `${key} stands there twice`);
    found.set(key, Number(value?.replace('Inf', 'Infinity')));
  }
  return found;
}

/** The families of a text by name, as an independent parser reads them. */
export function parsed(text: string): ReadonlyMap<string, ParsedFamily> {
  return new Map((parse(text) as ParsedFamily[]).map((family) => [family.name, family]));
}

/** Other readers of the format, for tests where they are installed: Python's client library, and Prometheus itself. */
export const READERS: readonly { readonly name: string; readonly command: readonly [string, ...string[]] }[] = [
  {
    name: 'prometheus_client of Python',
    command: [
      // The system's Python, which has the packages of the system.
      '/usr/bin/python3',
      '-c',
      'import sys; from prometheus_client.parser import text_string_to_metric_families as p; print(sum(1 for f in p(sys.stdin.read()) for s in f.samples))',
    ],
  },
  { name: 'promtool', command: ['promtool', 'check', 'metrics'] },
];

/** What a reader says of a text; undefined where the reader is not installed. */
export function ask(
  command: readonly [string, ...string[]],
  text: string,
): { status: number; output: string } | undefined {
  const [file, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(file, args, { input: text, encoding: 'utf8', timeout: 30_000 });
  if (error || stderr.includes('ModuleNotFoundError')) return undefined;
  return { status: status ?? -1, output: stdout + stderr };
}
