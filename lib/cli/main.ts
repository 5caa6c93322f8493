#!/usr/bin/env node
/*
 * The command `prefork`: options from flags, variables and a file, for an Arbiter of the public API. It knows nothing that a host of
 * one's own could not do as well.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArbiterError } from '../errors.js';
import { errorLines, errorText } from '../log/stack.js';
import { LIBRARY } from '../options/library.js';
import { isOf } from '../serialized-error.js';
import { type CommandLine, type CommandName, readCommandLine } from './command-line.js';
import { ctl } from './ctl.js';
import { doctor } from './doctor/doctor.js';
import { helpText } from './help.js';
import { outlive, print } from './output.js';
import { runScript } from './run.js';
import { logged, serveApp } from './serve.js';

/** Resolves with the exit code. */
type Command = (line: CommandLine) => Promise<number>;

const COMMANDS: Readonly<Record<CommandName, Command>> = {
  serve: serveApp,
  run: runScript,
  doctor,
  ctl: ({ rest }) => ctl(rest),
};

/** How long what a config has left open (a timer, a connection of a logger) may keep the process when its work is done. Milliseconds. */
const LINGER = 1_000;

async function run(args: readonly string[]): Promise<number> {
  const line = readCommandLine(args);
  if (line.own.help) return printed(helpText());
  if (line.own.version) return printed(`${version()}\n`);
  return COMMANDS[line.command](line);
}

function printed(text: string): number {
  print(text);
  return 0;
}

function version(): string {
  return JSON.parse(readFileSync(join(LIBRARY, '../package.json'), 'utf8')).version;
}

/** What was wrong, for the person at the terminal: once, so where the application failed is left to the log. */
function complain(error: unknown): number {
  const isOurs = isOf(error, ArbiterError);
  const message = isOurs ? error.message : errorText(error);
  const causes = isOurs && !logged.has(error) ? errorLines(error) : [];
  process.stderr.write(`${[`prefork: ${message}`, ...causes].join('\n')}\n`);
  return isOurs ? error.exitCode : 1;
}

process.exitCode = await run(process.argv.slice(2)).catch((error) => {
  outlive(process.stderr);
  return complain(error);
});
setTimeout(() => process.exit(), LINGER).unref();
