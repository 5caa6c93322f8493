import { execFile } from 'node:child_process';
import { fixture } from './host.js';
import { inTime } from './wait.js';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `prefork ctl` until it ends. */
export function ctl(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const run = new Promise<Outcome>((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    execFile(process.execPath, [fixture('ctl.js'), ...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
  return inTime(run, `prefork ctl ${args.join(' ')}`);
}
