import { parseArgs } from 'node:util';

/**
 * The settings that a script measures with. Each can be given as `--name=value`; `--quick` takes the values for a first
 * look. All are numbers, except those whose default is a string.
 *
 * @template {Record<string, number | string>} T
 * @param {T} defaults
 * @param {Partial<T>} quick
 * @returns {T}
 */
export function settings(defaults, quick) {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: /** @type {const} */ ('string') }]));
  const { values } = parseArgs({ options: { ...options, quick: { type: 'boolean' } } });
  const given = names
    .filter((name) => values[name] !== undefined)
    .map((name) => {
      const text = String(values[name]);
      return [name, typeof defaults[name] === 'string' ? text : positive(name, text)];
    });
  return { ...defaults, ...(values.quick && quick), ...Object.fromEntries(given) };
}

function positive(name, text) {
  const number = Number(text);
  if (number > 0) return number;
  throw new RangeError(`--${name}: expected a number above 0, got '${text}'`);
}
