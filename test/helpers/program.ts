import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { DEADLINE } from './wait.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Any program, with its output. It has a process group of its own, and the end of the test kills the whole group. */
export class Program {
  readonly child: ChildProcess;
  #output = '';
  #ended: Ended | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(t: TestContext, file: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#note(text));
    }
    this.child.on('error', (error) => this.#note(`${error}\n`));
    this.child.on('close', (code, signal) => {
      this.#ended = { code, signal };
      this.#note(`program ended: code ${code}, signal ${signal}\n`);
    });
    t.after(() => this.#killGroup());
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** What the program has printed, standard output and standard error together. */
  get output(): string {
    return this.#output;
  }

  /** Waits for a match of the pattern in the output, and returns the first one. */
  async printed(pattern: RegExp, limit = DEADLINE): Promise<RegExpExecArray> {
    await this.#until(() => pattern.test(this.#output), String(pattern), limit);
    return pattern.exec(this.#output) as RegExpExecArray;
  }

  async exited(): Promise<Ended> {
    await this.#until(() => this.#ended !== undefined, "the program's exit");
    return this.#ended as Ended;
  }

  #note(text: string): void {
    this.#output += text;
    for (const check of [...this.#watchers]) check();
  }

  async #until(condition: () => boolean, what: string, limit = DEADLINE): Promise<void> {
    if (condition()) return;
    if (this.#ended) throw new Error(`it has ended without ${what}\n${this.#output}`);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`waited ${limit} ms in vain for ${what}\n${this.#output}`)),
        limit,
      );
      const check = (): void => {
        const holds = condition();
        if (!holds && this.#ended === undefined) return;
        clearTimeout(timer);
        this.#watchers.delete(check);
        if (holds) resolve();
        else reject(new Error(`it has ended before ${what}\n${this.#output}`));
      };
      this.#watchers.add(check);
    });
  }

  #killGroup(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // The whole group has ended.
    }
  }
}
