/*
 * Writes the guide's page of flags and variables from the records of the options: `npm run docs:options`. Without the
 * name of a file, it writes to standard output, for the test that finds a stale page.
 */
import { writeFileSync } from 'node:fs';
import { OWN_FLAGS } from '../build/cli/command-line.js';
import { namesOf } from '../build/cli/help.js';
import { SETTING_SUBJECTS } from '../build/cli/settings.js';

const code = (text) => `\`${text}\``;
const cell = (text) => text.replaceAll('|', '\\|');

function table(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

const own = OWN_FLAGS.map(({ flag, short, value, about }) => [
  code(`${short === undefined ? '' : `${short}, `}${flag}${value === undefined ? '' : ` ${value}`}`),
  about,
]);

const subjects = SETTING_SUBJECTS.filter(([, settings]) => settings.length > 0).map(([title, settings]) => {
  const rows = settings.map((setting) => [
    [
      code(namesOf(setting).trim()),
      ...(setting.negatable ? [code(`--no-${setting.flag.slice(2)}`)] : []),
      ...(setting.repeats === undefined ? [] : ['repeatable']),
    ].join(', '),
    code(setting.variable),
    `[\`${setting.name}\`](options.md)`,
  ]);
  return `## ${title}\n\n${table(['flag', 'variable', 'key'], rows)}`;
});

const page = `# Flags and variables

<!-- Made from the records in lib/options/records/ by \`npm run docs:options\`: change those. -->

All that [the command](command.md) can be told, by each of its three ways. What an option means, and its default, is in the page of the
[options](options.md).

## The command

${table(['flag', 'what it does'], own)}
${subjects.join('\n')}`;

const [, , file] = process.argv;
if (file === undefined) process.stdout.write(page);
else writeFileSync(file, page);
