/* The text format of Prometheus, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/ */
import type { MetricType } from '../../protocol/metrics.js';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** With `_bucket`, `_sum` or `_count` at its end, where it is one of those. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** All samples of one name. */
export interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The families as text; those without a sample are left out. */
export function expose(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      // Some readers refuse an empty HELP line.
      const about = help.trim() === '' ? '' : `# HELP ${name} ${escaped(help)}\n`;
      return `${about}# TYPE ${name} ${type}\n${samples.map(lineOf).join('')}`;
    })
    .join('');
}

function lineOf({ name, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

export function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
