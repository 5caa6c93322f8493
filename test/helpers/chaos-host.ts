import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fixture } from './host.js';
import { alive } from './process.js';
import { eventually } from './wait.js';

/**
 * Where the output of a host goes: to a pipe, to a file on a file system of its own, or to its controlling terminal.
 */
export type Output = 'pipe' | 'file' | 'terminal';
export const OUTPUTS: readonly Output[] = ['pipe', 'file', 'terminal'];

/** Whether small file systems can be mounted over /dev/shm and the folder of the log, visible to the host alone. */
export const CAN_MOUNT: boolean = canMount();

interface Told {
  readonly pid: number;
  readonly event: string;
  readonly args: readonly unknown[];
}

/**
 * A host of the fixture `chaos-host`, in a session of its own, from its start until everything that it has started is
 * gone.
 */
export class ChaosHost {
  readonly output: Output;
  readonly told: Told[] = [];
  readonly #child: ChildProcess;
  readonly #mark: string;
  readonly #server: Server;
  #control: Socket | undefined;
  #text = '';
  #pid = 0;
  #session = 0;
  #exit: string | undefined;

  /** @param logs - a folder for the log; where mounting is possible, the host sees a file system of its own there. */
  static async start(options: object, output: Output, logs: string, mark: string): Promise<ChaosHost> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ChaosHost(server, options, output, logs, mark);
  }

  private constructor(server: Server, options: object, output: Output, logs: string, mark: string) {
    this.output = output;
    this.#mark = `CHAOS=${mark}`;
    this.#server = server.on('connection', (socket) => this.#listen(socket));
    const { port } = this.#server.address() as { port: number };
    const command = [process.execPath, fixture('chaos-host.js'), JSON.stringify(options)];
    const env = { ...process.env, CONTROL: String(port), CHAOS: mark, LOGS: logs };
    // The shell becomes the host by `exec`, so that signals reach the host directly.
    const mount = 'mount -t tmpfs -o size=2m tmpfs /dev/shm; mount -t tmpfs -o size=64k tmpfs "$LOGS"; ';
    const script = `ulimit -n 200; ${CAN_MOUNT ? mount : ''}exec "$@"${output === 'file' ? ' 2>>"$LOGS/err"' : ''}`;
    const shell = ['sh', '-c', script, 'sh', ...command];
    const [file = '', ...args] = CAN_MOUNT ? ['unshare', '--mount', '--propagation', 'private', ...shell] : shell;
    const quoted = `exec ${[file, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}`;
    this.#child =
      output === 'terminal'
        ? spawn('script', ['-qfec', quoted, '/dev/null'], { detached: true, env, stdio: ['pipe', 'pipe', 'pipe'] })
        : spawn(file, args, { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#text = (this.#text + text).slice(-20_000);
      });
    }
    this.#child.on('exit', (code, signal) => {
      this.#exit = `${code ?? signal}`;
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** How the host, or the terminal around it, has ended; undefined while it lives. */
  get exit(): string | undefined {
    return this.#exit;
  }

  /** The end of what the host has written. */
  get text(): string {
    return this.#text;
  }

  of(event: string): Told[] {
    return this.told.filter((told) => told.event === event);
  }

  async ready(): Promise<void> {
    await eventually(
      () => this.of('ready').length > 0 || this.#exit !== undefined,
      () => `a host that is ready\n${this.#text}`,
      120_000,
    );
    if (this.#exit !== undefined) throw new Error(`the host ended with ${this.#exit} as it started\n${this.#text}`);
  }

  order(order: string, milliseconds = 0, path?: string): void {
    this.#control?.write(`${JSON.stringify({ order, milliseconds, path })}\n`);
  }

  /** For this time, nothing reads the output of the host. */
  stopReading(milliseconds: number): void {
    const streams = [this.#child.stdout, this.#child.stderr];
    for (const stream of streams) stream?.pause();
    setTimeout(() => {
      for (const stream of streams) stream?.resume();
    }, milliseconds);
  }

  /** Resizes the terminal, as a user who drags the window does. */
  resize(columns: number): void {
    const terminal = readlinkSync(`/proc/${this.#pid}/fd/1`);
    if (terminal.startsWith('/dev/pts/')) execFileSync('stty', ['-F', terminal, 'cols', String(columns)]);
  }

  /** Sends a signal to the whole process group of the host. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-groupOf(this.#pid), signal);
  }

  async ended(limit: number): Promise<void> {
    await eventually(
      () => this.#exit !== undefined,
      () => `the end of a host that was told to stop\n${this.#text}\n${JSON.stringify(this.told.slice(-20))}`,
      limit,
    );
    this.#server.close();
    this.#control?.destroy();
  }

  /**
   * The processes of the host that are left. They are known by a variable that they inherit, or by the session: the
   * guard has no environment.
   */
  left(): string[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name) || !alive(Number(name))) return [];
      try {
        const marked = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(this.#mark);
        const own = marked || fieldOf(Number(name), SESSION) === this.#session;
        return own ? [`${name} ${readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ')}`] : [];
      } catch {
        return [];
      }
    });
  }

  kill(): void {
    for (const line of this.left()) {
      try {
        process.kill(Number.parseInt(line, 10), 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    this.#server.close();
  }

  #listen(socket: Socket): void {
    this.#control = socket;
    socket.on('error', () => undefined);
    createInterface(socket).on('line', (line) => {
      const told = JSON.parse(line) as Told;
      if (told.event === 'host') {
        this.#pid = told.pid;
        this.#session = fieldOf(told.pid, SESSION);
      }
      this.told.push(told);
    });
  }
}

/** Indices of fields in /proc/PID/stat, counted after the name: proc(5). */
const GROUP = 2;
const SESSION = 3;

function fieldOf(pid: number, field: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field]);
}

function groupOf(pid: number): number {
  return fieldOf(pid, GROUP);
}

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']);
    return true;
  } catch {
    return false;
  }
}
