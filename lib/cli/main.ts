#!/usr/bin/env node
/*
 * The command `prefork`: an Arbiter of the public API, with options from flags, variables and a file. It can do nothing
 * that a host of one's own could not do as well.
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

/**
 * How long something that a config has left open (a timer, a connection of a logger) may keep the process alive when
 * its work is done. Milliseconds.
 */
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

/**
 * Tells the user what was wrong, and returns the exit code. It is told once: causes that the log has told are left out.
 */
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
