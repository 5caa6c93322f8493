/*
 * Runs an unchanged script as the application of a worker, as `node` would run it. The server on which the script calls
 * `listen()` is not bound, but handed to the worker. What the script waits for (`'listening'`, the callback, the
 * address) comes when the worker begins to accept.
 */
import Module from 'node:module';
import type { Server } from 'node:net';
import { resolve } from 'node:path';
import type { Script } from '../../protocol/script.js';
import { catchListen } from './catch-listen.js';
import { askedText, silence } from './listen-calls.js';

/**
 * How Node runs the script of its command line, with `require.main` and all. Undocumented, but there in all versions.
 */
const { runMain } = Module as unknown as { readonly runMain: (path: string) => void };

export interface ScriptHost {
  /** How long a worker may take until it is ready, milliseconds; 0 = no limit. */
  readonly bootTimeout: number;
  readonly warn: (message: string) => void;
}

/**
 * After which part of `bootTimeout` a script that has not called `listen()` fails. It is less than 1, so that the
 * worker says why before the master, which knows nothing of scripts, ends it.
 */
const SHARE = 0.9;

/**
 * Resolves with the server of the script that is to be served. Rejects with what the script throws, and if it does not
 * call `listen()` in time.
 */
export function runScript({ path, args, port }: Script, { bootTimeout, warn }: ScriptHost): Promise<Server> {
  const script = resolve(path);
  process.argv = [process.execPath, script, ...args];
  return new Promise((resolve, reject) => {
    const limit = Math.round(bootTimeout * SHARE);
    const timer = limit > 0 ? setTimeout(() => reject(new Error(silence(path, port, limit))), limit) : undefined;
    catchListen(port, {
      onServed(server) {
        clearTimeout(timer);
        resolve(server);
      },
      onRefused(asked) {
        const where = askedText(asked);
        warn(`the script also listens on ${where}, which only one worker could: it is not bound (see prefork run)`);
      },
    });
    // What a script that is an ES module throws becomes an uncaught error, and is reported as one.
    runMain(script);
  });
}
