/* `prefork doctor`: finds what on this machine will hurt the application when it runs with these options. */
import { collect } from '../collect.js';
import type { CommandLine } from '../command-line.js';
import { print } from '../output.js';
import { readCgroup } from './cgroup.js';
import type { Finding } from './finding.js';
import { findingsOf } from './findings.js';
import { thisMachine } from './machine.js';
import { planOf } from './plan.js';

/** Resolves with the exit code: 1 where something will not work. */
export async function doctor(line: CommandLine): Promise<number> {
  const { origins } = await collect(line, process.env);
  const plan = planOf(origins, thisMachine);
  const findings = findingsOf({ machine: thisMachine, cgroup: readCgroup(thisMachine), plan });
  print(reportText(findings));
  return findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

export function reportText(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'nothing to say: this machine is fit for it\n';
  return findings
    .map(({ code, severity, message, advice }) => `${severity}: ${message}\n  do: ${advice}  [${code}]\n`)
    .join('\n');
}
