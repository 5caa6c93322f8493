/* Which source files below a folder change. Not `recursive` of `fs.watch`: on Linux that looks at each file of node_modules too. */
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { extname, join } from 'node:path';

/** What Node loads as code, or as settings. What an application writes itself (logs, databases, uploads) must not reload it. */
const SOURCES: ReadonlySet<string> = new Set(
  ['js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'json', 'node', 'wasm'].map((ending) => `.${ending}`),
);
/** Editors write a file in several steps, and some write many files. Milliseconds. */
const QUIET = 100;

/**
 * Watches a folder and those in it, without `node_modules` and those whose names begin with a dot. `onChange` is called with the names of what
 * has changed, when nothing has for a moment. Returns how to end it.
 */
export function watchSources(root: string, onChange: (files: readonly string[]) => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  const stamps = new Map<string, string>();
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const tell = (): void => {
    const files = [...changed].sort();
    changed.clear();
    onChange(files);
  };
  /** A file that was only looked at, or written as it was by a tool that sets its time back, has the same stamp. */
  const look = (path: string): void => {
    if (!SOURCES.has(extname(path))) return;
    const stamp = stampOf(path);
    if (stamps.get(path) === stamp) return;
    if (stamp === undefined) stamps.delete(path);
    else stamps.set(path, stamp);
    changed.add(path);
    clearTimeout(timer);
    timer = setTimeout(tell, QUIET);
  };
  const enter = (folder: string, note: (path: string) => void): void => {
    if (watchers.has(folder)) return;
    let entries: ReturnType<typeof list>;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null) return;
        const path = join(folder, name);
        if (isFolder(path)) {
          if (isWatched(name)) enter(path, look);
        } else look(path);
      });
      // A folder that is removed, or more folders than the system watches.
      watcher.on('error', () => leave(folder));
      watchers.set(folder, watcher);
      entries = list(folder);
    } catch {
      leave(folder);
      return;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (isWatched(entry.name)) enter(path, note);
      } else note(path);
    }
  };
  const leave = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };

  enter(root, (path) => {
    const stamp = SOURCES.has(extname(path)) ? stampOf(path) : undefined;
    if (stamp !== undefined) stamps.set(path, stamp);
  });
  return () => {
    clearTimeout(timer);
    for (const folder of [...watchers.keys()]) leave(folder);
  };
}

function list(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

function isWatched(name: string): boolean {
  return name !== 'node_modules' && !name.startsWith('.');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function stampOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}
