/* What `--watch` looks at, with real folders that are removed, moved and made again. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test, { type TestContext } from 'node:test';
import { watchSources } from '../../../build/cli/source-tree.js';
import { temporaryFolder } from '../../helpers/place.js';
import { inTime } from '../../helpers/wait.js';

/** A folder with these files in it, which is watched. */
class Tree {
  readonly #root: string;
  readonly #told = new Set<string>();
  #arrived: () => void = () => undefined;

  constructor(t: TestContext, files: readonly string[]) {
    this.#root = temporaryFolder(t);
    for (const file of files) this.write(file);
    t.after(
      watchSources(this.#root, (changed) => {
        for (const path of changed) this.#told.add(relative(this.#root, path));
        this.#arrived();
      }),
    );
    // The watchers do not keep the process alive.
    const keep = setInterval(() => undefined, 1_000);
    t.after(() => clearInterval(keep));
  }

  /** Callers give a text of another length each time. */
  write(file: string, text = ''): void {
    mkdirSync(join(this.#root, file, '..'), { recursive: true });
    writeFileSync(join(this.#root, file), text);
  }

  remove(path: string): void {
    rmSync(join(this.#root, path), { recursive: true });
  }

  /**
   * Keeps the path open, as a process does whose working directory it is. Then the system reports later that it is
   * gone.
   */
  hold(t: TestContext, path: string): void {
    const fd = openSync(join(this.#root, path), 'r');
    t.after(() => closeSync(fd));
  }

  move(from: string, to: string): void {
    renameSync(join(this.#root, from), join(this.#root, to));
  }

  /** Waits until all of these files have been reported, and forgets all reports. */
  async tells(...files: readonly string[]): Promise<void> {
    const all = async (): Promise<void> => {
      while (!files.every((file) => this.#told.has(file))) {
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
    };
    await inTime(all(), () => `${files.join(', ')}; told: ${[...this.#told].join(', ')}`);
    this.#told.clear();
  }
}

const FILES = ['dist/app.js', 'dist/routes/users.js', 'dist/routes/deep/er.js'];

test('a folder that is removed and made again is watched again, with those in it', async (t) => {
  const tree = new Tree(t, [...FILES, 'main.js']);
  for (const text of ['1', '22', '333']) {
    tree.remove('dist');
    await tree.tells(...FILES);
    for (const file of FILES) tree.write(file, text);
    tree.write('dist/routes/new.js', text);
    await tree.tells(...FILES, 'dist/routes/new.js');
    for (const file of FILES) tree.write(file, `${text} later`);
    await tree.tells(...FILES);
  }
});

test('a folder that is made again before anybody has looked', async (t) => {
  const tree = new Tree(t, FILES);
  for (const text of ['1', '22', '333']) {
    tree.remove('dist');
    for (const file of FILES) tree.write(file, text);
    await tree.tells(...FILES);
    tree.write('dist/routes/deep/er.js', `${text} later`);
    await tree.tells('dist/routes/deep/er.js');
    tree.remove('dist/routes');
    tree.write('dist/routes/users.js', `${text} alone`);
    await tree.tells('dist/routes/users.js', 'dist/routes/deep/er.js');
    tree.write('dist/routes/users.js', `${text} alone, later`);
    await tree.tells('dist/routes/users.js');
  }
});

test('a folder that is made again while somebody has the old one', async (t) => {
  const tree = new Tree(t, FILES);
  tree.hold(t, 'dist');
  tree.remove('dist');
  for (const file of FILES) tree.write(file, '1');
  await tree.tells(...FILES);
  tree.write('dist/app.js', 'later');
  await tree.tells('dist/app.js');
});

test('a folder that another one takes the place of, as a build moves it there', async (t) => {
  const tree = new Tree(t, [...FILES, '.next/app.js', '.next/routes/users.js']);
  tree.write('.next/app.js', '1');
  tree.move('dist', '.old');
  tree.move('.next', 'dist');
  await tree.tells(...FILES);
  tree.write('dist/routes/users.js', 'later');
  await tree.tells('dist/routes/users.js');
  tree.move('dist', '.last');
  await tree.tells('dist/app.js', 'dist/routes/users.js');
});

test('what lies in a folder of the same name', async (t) => {
  const tree = new Tree(t, ['src/src/app.js']);
  tree.remove('src/src');
  tree.write('src/src/app.js', '1');
  await tree.tells('src/src/app.js');
  tree.write('src/src/app.js', 'later');
  await tree.tells('src/src/app.js');
});
