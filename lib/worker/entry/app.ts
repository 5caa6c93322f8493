import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { ownModule } from '../own-script.js';

/**
 * Imports the module of an `app` specifier, relative to the working directory, and returns the application: the export
 * behind the `#`, else the default one. Throws what the module throws.
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
  // A package is looked up from the application's folder, not from ours, and with the conditions of `import`.
  const load = vm.compileFunction('return import(specifier)', ['specifier'], {
    // Node's messages name it as the importer: a folder is more than a file that nobody has.
    filename: join(folder, '/'),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as (specifier: string) => Promise<Namespace>;
  return load(specifier).catch((error) => {
    throw withHint(error, folder, specifier);
  });
}

/** Whoever writes `app.js` means a file mostly, and is told of a package. */
function withHint(error: unknown, folder: string, specifier: string): unknown {
  const { code, message, stack } = Object(error) as NodeJS.ErrnoException;
  const [name = ''] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  // The package is there, and lacks a package of its own.
  if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) return error;
  const path = `./${specifier}`;
  const next = existsSync(join(folder, specifier))
    ? `the file is '${path}'`
    : `and there is no file '${path}' in ${folder}`;
  const whole = `${message} (without './' it is the name of a package; ${next})`;
  return Object.assign(error as Error, { message: whole, stack: stack?.replace(message, () => whole) });
}

/** As the module itself would say it: see {@link pickExport}. */
function exportsOf(namespace: Namespace): Namespace {
  const commonjs = namespace['default'] as Namespace | undefined;
  return commonjs?.['__esModule'] === true ? commonjs : namespace;
}

function pickExport(namespace: Namespace, name: string): unknown {
  const direct = namespace[name];
  // A CommonJS module is the default export whole; compilers put its own default under `default`.
  const commonjs = namespace['default'] as Namespace | undefined;
  if (name !== 'default') return direct ?? commonjs?.[name];
  return commonjs?.['__esModule'] === true ? commonjs['default'] : direct;
}
