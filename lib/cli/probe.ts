/*
 * The first code of the process that finds out where a script listens. It is loaded by --import, before the script. It
 * reports the address that the script asks for, and then ends the process; nothing is bound.
 */
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { catchListen } from '../worker/entry/catch-listen.js';

/** The variable that carries the port of `--script-port`, and the descriptor for the answer. */
const PORT_VARIABLE = 'PREFORK_PROBE_PORT';
const ANSWER = 3;

const { [PORT_VARIABLE]: port } = process.env;
delete process.env[PORT_VARIABLE];

if (isMainThread) {
  catchListen(port === undefined ? undefined : Number(port), {
    onServed(_server, asked) {
      writeSync(ANSWER, JSON.stringify(asked));
      // Handlers of the script need not run at this end: there are no clients, and the workers will do what the script
      // has to do.
      process.kill(process.pid, 'SIGKILL');
    },
    onRefused: () => undefined,
  });
}
