/* `prefork APP`, and the second half of `prefork run`, after it has found out where its script listens. */
import { Arbiter } from '../arbiter.js';
import { ArbiterError } from '../errors.js';
import { say } from '../log/standard-error.js';
import type { ArbiterOptions } from '../options/types.js';
import { type Collected, collect, optionsOf } from './collect.js';
import type { CommandLine } from './command-line.js';
import { print } from './output.js';
import { configText } from './print-config.js';
import { likelySeconds } from './seconds.js';
import { serveWatched } from './watch.js';

/** Errors of which the log has told more than their message says. */
export const logged: WeakSet<object> = new WeakSet();

/** Serves the application that the command line, or the config, names. Resolves with the exit code. */
export async function serveApp(line: CommandLine): Promise<number> {
  return serve(line, await collect(line, process.env));
}

/** Serves with the collected options, or checks them, or prints them. */
export async function serve({ own }: CommandLine, collected: Collected): Promise<number> {
  if (own.printConfig) print(configText(collected));
  if (own.printConfig && !own.checkConfig) return 0;
  const options = optionsOf(collected);
  for (const line of likelySeconds(collected)) say(`prefork: ${line}\n`);
  if (own.checkConfig) await checkConfig(options);
  else await serveUntilStopped(options, own.watch);
  return 0;
}

async function serveUntilStopped(options: ArbiterOptions, watched: boolean): Promise<void> {
  try {
    await (watched ? serveWatched(options) : new Arbiter(options).run());
  } catch (error) {
    if (options.logger !== false) logged.add(Object(error));
    throw error;
  }
}

/**
 * Options that a check leaves out: only the process that serves may have them. The pid file and the control socket may
 * be those of a master that runs now.
 */
const OF_THE_SERVICE: ReadonlySet<string> = new Set(['pidFile', 'control', 'spares']);

/**
 * Checks all options together, then boots one worker with the application and drains it. The worker has an address of
 * its own, so this works beside a master that serves.
 */
async function checkConfig(options: ArbiterOptions): Promise<void> {
  // The constructor checks the options together, and does nothing else.
  new Arbiter(options);
  const others = Object.entries(options).filter(([name]) => !OF_THE_SERVICE.has(name));
  const bind = Array.isArray(options.bind) && options.bind.length === 0 ? [] : ['127.0.0.1:0'];
  // Nobody is served, so no load balancer has to be waited for.
  const alone = { bind, workers: 1, notify: false, logger: false, drainDelay: 0 };
  const trial = { ...Object.fromEntries(others), ...alone } as never;
  const arbiter = new Arbiter(trial);
  await arbiter.start().catch((error) => {
    if (error.code !== 'ERR_STATE') throw error;
    // Before the worker is ready, nothing but a signal stops the Arbiter.
    throw new ArbiterError('ERR_STATE', 'the check was interrupted by a signal, before the application had booted');
  });
  await arbiter.stop();
  print('the config is right, and the application boots\n');
}
