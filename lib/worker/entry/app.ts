import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { ownModule } from '../own-script.js';

/**
 * Imports the module of an `app` specifier, relative to the working directory, and returns the application: the export
 * named after the `#`, or the default export without one. Throws what the module throws.
 */
export async function loadApp(specifier: string): Promise<unknown> {
  const [module, exported = 'default'] = splitSpecifier(specifier);
  ownModule.begin(module);
  const namespace = await importFrom(process.cwd(), module);
  ownModule.loaded(namespace);
  const found = pickExport(namespace, exported);
  if (found === undefined) {
    const exports = exportsOf(namespace);
    if (Object.hasOwn(exports, exported)) throw new Error(`the export '${exported}' of '${module}' is undefined`);
    const names = Object.keys(exports).join(', ') || 'nothing';
    throw new Error(`'${module}' has no export '${exported}'; it exports ${names}`);
  }
  return found;
}

function splitSpecifier(specifier: string): [string, string?] {
  const hash = specifier.lastIndexOf('#');
  if (hash <= 0) return [specifier];
  return [specifier.slice(0, hash), specifier.slice(hash + 1) || 'default'];
}

type Namespace = Readonly<Record<string, unknown>>;

function importFrom(folder: string, specifier: string): Promise<Namespace> {
  if (specifier.startsWith('.')) return import(new URL(specifier, pathToFileURL(join(folder, '/'))).href);
  if (isAbsolute(specifier)) return import(pathToFileURL(specifier).href);
  if (specifier.startsWith('file:')) return import(specifier);
  // A package is resolved from the application's folder, not from this library's, and with the conditions of `import`.
  const load = vm.compileFunction('return import(specifier)', ['specifier'], {
    // Node's error messages name this as the importer. The user knows the folder, but no file in it made the import.
    filename: join(folder, '/'),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as (specifier: string) => Promise<Namespace>;
  return load(specifier).catch((error) => {
    throw withHint(error, folder, specifier);
  });
}

/**
 * A user who writes `app.js` mostly means a file, but Node takes the name for that of a package and says so. Adds a
 * hint to that error.
 */
function withHint(error: unknown, folder: string, specifier: string): unknown {
  const { code, message, stack } = Object(error) as NodeJS.ErrnoException;
  const [name = ''] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  // If the message names another package, this one was found, but one that it imports was not.
  if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) return error;
  const path = `./${specifier}`;
  const next = existsSync(join(folder, specifier))
    ? `the file is '${path}'`
    : `and there is no file '${path}' in ${folder}`;
  const whole = `${message} (without './' it is the name of a package; ${next})`;
  return Object.assign(error as Error, { message: whole, stack: stack?.replace(message, () => whole) });
}

/** The exports as the module's own source names them: see {@link pickExport}. */
function exportsOf(namespace: Namespace): Namespace {
  const commonjs = namespace['default'] as Namespace | undefined;
  return commonjs?.['__esModule'] === true ? commonjs : namespace;
}

function pickExport(namespace: Namespace, name: string): unknown {
  const direct = namespace[name];
  // Node makes all of a CommonJS module's exports the default export; compilers put its own default under `default`.
  const commonjs = namespace['default'] as Namespace | undefined;
  if (name !== 'default') return direct ?? commonjs?.[name];
  return commonjs?.['__esModule'] === true ? commonjs['default'] : direct;
}
