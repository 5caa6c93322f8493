/* `prefork ctl`: asks the control of a running master from a terminal. */
import { parseArgs } from 'node:util';
import { printable } from '../log/text.js';
import type { ArbiterStats } from '../master/scoreboard/stats.js';
import { LEAST_TOKEN } from '../options/control.js';
import { ControlClient, RefusedError, UnreachableError, UsageError } from './ctl-client.js';
import { stackBlocks } from './ctl-stacks.js';
import { stopMaster } from './ctl-stop.js';
import { masterLines, workerLines } from './ctl-table.js';
import { top } from './ctl-top.js';
import { outlive, print, printError } from './output.js';

const HELP = `Usage: prefork ctl [options] COMMAND

Asks a running master how it is, and tells it what to do, through its control
(the option \`control\` of the Arbiter).

Commands:
  status        how it is; exits with 1 when it is not ready for clients
  top           the same as a live table; q ends it
  stacks        what each worker is doing at this moment
  reload        new workers beside the old ones, with the code that is deployed
                now; exits with 1, and the cause, when that was rolled back
  scale N       so many workers; +N and -N are so many more or fewer
  restart ID    another worker for that slot, ready before the old one goes
  upgrade       a new master beside this one, on the same sockets
  stop          after what is in flight; --now: at once

Options:
  --control WHERE     unix:/path, http://127.0.0.1:port, or the option control
                      in JSON; else what PREFORK_CONTROL says
  --token-file FILE   where the token of a port is, if not in the JSON
  --json              what the master answers, as it is
  --now               of a stop: at once
  -h, --help          this text

Exit codes: 0; 1 refused, failed or not ready; 2 wrong usage; 3 cannot be
reached.
`;

/** It is the variable of the option `control` too, so that one variable serves both. */
const VARIABLE = 'PREFORK_CONTROL';

interface Order {
  readonly client: ControlClient;
  readonly json: boolean;
  readonly now: boolean;
  readonly operands: readonly string[];
}

/** Carries out one command, and resolves with the exit code. */
type Command = (order: Order) => Promise<number>;

const COMMANDS: Readonly<Record<string, { readonly operands: readonly string[]; readonly run: Command }>> = {
  status: { operands: [], run: status },
  top: { operands: [], run: showTop },
  stacks: {
    operands: [],
    run: async ({ client, json }) => show(json, await client.get('/stacks'), stackBlocks),
  },
  reload: {
    operands: [],
    run: async ({ client, json }) =>
      show(json, await client.post('/reload'), ({ generation, replaced }) => [
        `reloaded: generation ${generation} serves, workers replaced: ${replaced}`,
      ]),
  },
  scale: { operands: ['N'], run: scale },
  restart: {
    operands: ['ID'],
    run: async ({ client, json, operands: [id = ''] }) =>
      show(json, await client.post(`/restart?worker=${whole(id, 'ID')}`), () => [`worker #${id} is another one now`]),
  },
  upgrade: {
    operands: [],
    run: async ({ client, json }) =>
      show(json, await client.post('/upgrade'), ({ pid }) => [
        `upgraded: the process ${pid} serves too; stop this one, or that one`,
      ]),
  },
  stop: { operands: [], run: stop },
};

/** Runs `prefork ctl` with these arguments, and returns its exit code. It never rejects. */
export async function ctl(args: readonly string[]): Promise<number> {
  let json = false;
  try {
    const { values, positionals } = parse(args);
    json = values.json === true;
    const [name, ...operands] = positionals;
    if (values.help || name === undefined) {
      (values.help ? print : printError)(HELP);
      return values.help ? 0 : 2;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command)
      throw new UsageError(
        `no such command: ${JSON.stringify(shown(name))}; there are ${Object.keys(COMMANDS).join(', ')}`,
      );
    if (operands.length !== command.operands.length) {
      const wanted = command.operands.length === 0 ? 'nothing' : command.operands.join(' ');
      throw new UsageError(
        `${name}: expected ${wanted} behind it, got ${operands.length === 0 ? 'nothing' : operands.map(shown).join(' ')}`,
      );
    }
    const text = values.control ?? process.env[VARIABLE];
    if (!text) throw new UsageError(`where is the master? --control unix:/path, or ${VARIABLE}`);
    const from = values.control === undefined ? VARIABLE : '--control';
    const client = new ControlClient({ text, from }, values['token-file']);
    return await command.run({ client, json, now: values.now === true, operands });
  } catch (error) {
    return failed(error, json);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // `scale -2`: the number is not an option, so its minus sign becomes another character.
      args: args.map((arg) => (/^-\d+$/.test(arg) ? `\u2212${arg.slice(1)}` : arg)),
      allowPositionals: true,
      options: {
        control: { type: 'string' },
        'token-file': { type: 'string' },
        json: { type: 'boolean' },
        now: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function failed(error: unknown, json: boolean): number {
  if (error instanceof RefusedError) {
    if (json) print(`${JSON.stringify(error.body)}\n`);
    complain(error.message);
    return 1;
  }
  complain((error as Error).message);
  if (error instanceof UsageError) printError('prefork ctl --help tells what there is\n');
  return error instanceof UsageError ? 2 : error instanceof UnreachableError ? 3 : 1;
}

function complain(message: string): void {
  printError(`prefork ctl: ${message.split('\n').map(printable).join('\n')}\n`);
}

// biome-ignore lint/suspicious/noExplicitAny: what the control answers is JSON.
function show(json: boolean, body: any, lines: (body: any) => readonly string[]): number {
  print(json ? `${JSON.stringify(body)}\n` : `${lines(body).join('\n')}\n`);
  return 0;
}

async function status({ client, json }: Order): Promise<number> {
  const [stats, readiness] = await Promise.all([client.get('/stats'), client.get('/readyz')]);
  show(json, { ...readiness, stats }, () => {
    const columns = process.stdout.columns ?? 80;
    const [first = '', ...lines] = masterLines(stats, columns);
    const reasons = (readiness.reasons as string[]).map(
      (reason) => `${readiness.ready ? 'note' : 'not ready'}: ${printable(reason)}`,
    );
    return [first, ...reasons, ...lines, '', ...workerLines(stats, { now: Date.now(), columns })];
  });
  return readiness.ready ? 0 : 1;
}

async function showTop({ client, json }: Order): Promise<number> {
  if (json) return show(true, await client.get('/stats'), () => []);
  outlive(process.stdout);
  await top(client, { input: process.stdin, output: process.stdout });
  return 0;
}

async function scale({ client, json, operands: [given = ''] }: Order): Promise<number> {
  const [, sign = '', digits = ''] = /^([+\u2212]?)(.*)$/s.exec(given) ?? [];
  const number = whole(digits, 'N');
  const { target } = sign === '' ? { target: 0 } : ((await client.get('/stats')) as ArbiterStats);
  const to = sign === '\u2212' ? target - number : target + number;
  return show(json, await client.post(`/scale?to=${to}`), ({ workers }) => [`workers: ${workers}`]);
}

async function stop({ client, json, now }: Order): Promise<number> {
  const { pid, body } = await stopMaster(client, now);
  return show(json, { ...body, stopped: true }, () => [`stopped: pid ${pid}`]);
}

function whole(text: string, what: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`${what}: expected a whole number from 1, got ${JSON.stringify(shown(text))}`);
}

/** A word as messages may show it: a long one may be the token, out of JSON that a shell has split. */
function shown(word: string): string {
  return word.length < LEAST_TOKEN ? word : `a word of ${word.length} characters`;
}
