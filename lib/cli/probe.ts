/*
 * The first code of a process that finds out where a script listens: loaded by --import, before the script. It tells the address that the script
 * asks for, and ends there; nothing is bound.
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
      // Nothing of the script has a last word: there are no clients, and its workers do what it has to do.
      process.kill(process.pid, 'SIGKILL');
    },
    onRefused: () => undefined,
  });
}
