import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { BuiltInClass } from 'prefork';
import type { Program } from './program.js';
import { PROJECT } from './project.js';

/** A request, and how it must be answered at any time, also while workers are replaced. */
export interface Asked {
  readonly path: string;
  /** Sent as JSON by POST; without it, a GET. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue 200 */
  readonly status?: number;
  /** What the body must match. */
  readonly answer: RegExp;
}

/** An application that serves. */
export interface Running {
  /**
   * The context of the test. Its `after` must close what is still open when the test fails: otherwise nothing ends the
   * process of the tests.
   */
  readonly t: TestContext;
  readonly workerClass: BuiltInClass;
  /** Without a slash at its end. */
  readonly address: string;
  /** The copy of `test/apps/NAME/`, with its packages. */
  readonly folder: string;
  readonly program: Program;
  readonly isReloaded: boolean;
}

/**
 * What `test/apps/NAME.ts` exports by default: how the application in `test/apps/NAME/` is started, and what it must do
 * then.
 */
export interface Application {
  /** What the guide says to do after `npm ci`, e.g. `npm run build`. */
  readonly build?: string;
  /**
   * What the guide says to type, word for word: `npx prefork …` or `node …`, without quotes; `$PWD` is the folder of
   * the application. Its address, the number of workers and their class come from the variables `PREFORK_BIND`,
   * `PREFORK_WORKERS` and `PREFORK_WORKER_CLASS`, so a script with an `Arbiter` of its own reads these.
   */
  readonly start: string;
  /** Other lines that the guide says to type instead. */
  readonly also?: readonly string[];
  /** The worker classes that make sense for it. */
  readonly classes: readonly BuiltInClass[];
  /** Why the other classes make no sense, for the table of the guide. */
  readonly leftOut?: string;
  /** Classes in which it does not work with one major version of Node, and why: whose fault that is, with a link. */
  readonly fails?: { readonly node: number; readonly classes: readonly BuiltInClass[]; readonly why: string };
  /** The oldest version of Node that it runs on, major and minor. */
  readonly node: readonly [number, number];
  /** What it is called in the table, and the packages whose versions the table shows. */
  readonly told: { readonly as: string; readonly packages: readonly string[] };
  /**
   * The command that makes its project, with all packages but this one: `npx …`. By default the guide installs them by
   * name.
   */
  readonly madeBy?: string;
  /** The requests that it must answer. The first one is repeated as the load. */
  readonly requests: readonly Asked[];
  /** Variables that the guide says to set. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * What each worker, or with `threaded` each thread, prints once when it has closed what the application had opened.
   */
  readonly ends?: RegExp;
  /** Whether a preloaded module prints that, so that the main thread of a worker with threads prints it too. */
  readonly preloads?: boolean;
  /** Further checks. Called when the application serves, and again after a reload. */
  readonly further?: (running: Running) => Promise<void>;
  /** Warnings in the log that are expected. By default there must be none. */
  readonly warns?: RegExp;
  /** The page of the guide that shows it. @defaultValue frameworks.md */
  readonly page?: string;
  /** The files of the application that the page shows, each whole, as a block of code. */
  readonly shown: readonly string[];
}

/** The folder of the applications. Their files are not compiled with the tests. */
export const APPS: string = join(PROJECT, 'test/apps');

/** All applications by name. */
export async function applications(): Promise<ReadonlyMap<string, Application>> {
  const folder = join(PROJECT, 'dist-test/apps');
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
    .map((file) => file.slice(0, -'.js'.length));
  const loaded = names.map(async (name) => {
    const { default: application } = await import(pathToFileURL(join(folder, `${name}.js`)).href);
    return [name, application as Application] as const;
  });
  return new Map(await Promise.all(loaded));
}
