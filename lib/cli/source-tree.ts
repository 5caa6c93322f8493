/*
 * Watches the source files below a folder. It does not use `recursive` of `fs.watch`, which on Linux looks at each file
 * of node_modules too.
 */
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { basename, extname, join, sep } from 'node:path';

/**
 * Extensions of what Node loads as code, or as settings. What an application writes itself (logs, databases, uploads)
 * must not reload it.
 */
const SOURCES: ReadonlySet<string> = new Set(
  ['js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'json', 'node', 'wasm'].map((ending) => `.${ending}`),
);
/**
 * How long nothing must have changed before changes are reported. Editors write a file in several steps, and some write
 * many files. Milliseconds.
 */
const QUIET = 100;

interface Watched {
  readonly watcher: FSWatcher;
  /** Another folder at the same path usually has another inode. */
  readonly inode: number | undefined;
}

/**
 * Watches a folder and those in it, without `node_modules` and those whose names begin with a dot. Calls `onChange`
 * with the paths of the changed files, when nothing has changed for a moment. Returns a function that ends the watch.
 */
export function watchSources(root: string, onChange: (files: readonly string[]) => void): () => void {
  const watchers = new Map<string, Watched>();
  const stamps = new Map<string, string>();
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const tell = (): void => {
    const files = [...changed].sort();
    changed.clear();
    onChange(files);
  };
  /**
   * Notes a file as changed if its stamp differs. A file that was only read, or rewritten unchanged by a tool that sets
   * its time back, has the same stamp.
   */
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
    const inode = inodeOf(folder);
    if (watchers.get(folder)?.inode === inode) return;
    leave(folder);
    let entries: ReturnType<typeof list>;
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (name === null) return;
        // The folder's own name means that it has been removed or moved. A new folder at its path may have its inode
        // too.
        if (event === 'rename' && name === basename(folder)) renew(folder);
        const path = join(folder, name);
        if (!isFolder(path)) {
          // On Linux, the watcher of a removed folder gets no error.
          leave(path);
          look(path);
        } else if (isWatched(name)) enter(path, look);
      });
      // The folder has been removed, or there are more folders than the system can watch.
      watcher.on('error', () => leave(folder));
      watchers.set(folder, { watcher, inode });
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
  /**
   * Stops watching a folder and all below it. Where a folder is moved away as a whole, nothing else tells that its
   * files are gone.
   */
  const leave = (folder: string): void => {
    if (!watchers.has(folder)) return;
    for (const [path, { watcher }] of watchers) {
      if (!isWithin(path, folder)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const path of [...stamps.keys()]) if (isWithin(path, folder)) look(path);
  };
  const renew = (folder: string): void => {
    leave(folder);
    if (isFolder(folder)) enter(folder, look);
  };

  enter(root, (path) => {
    const stamp = SOURCES.has(extname(path)) ? stampOf(path) : undefined;
    if (stamp !== undefined) stamps.set(path, stamp);
  });
  return () => {
    clearTimeout(timer);
    for (const { watcher } of watchers.values()) watcher.close();
    watchers.clear();
  };
}

function list(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

function isWatched(name: string): boolean {
  return name !== 'node_modules' && !name.startsWith('.');
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function stampOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}
