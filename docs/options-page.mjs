/*
 * Writes the guide's page of options from their records: `npm run docs:options`. Without the name of a file, it writes
 * to standard output, for the test that finds a stale page.
 */
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { OPTIONS, SUBJECTS } from '../build/options/validate.js';

const code = (text) => `\`${text}\``;
const cell = (text) => text.replaceAll('|', '\\|');

function table(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

const inWords = ({ type, unit }) => (unit === undefined ? type : `${type}, in ${unit}`);
const defaultOf = ({ defaultValue, defaultText }) => defaultText ?? code(inspect(defaultValue));
const gunicorn = ({ gunicorn: name }) => (name === undefined ? '' : name.split(', ').map(code).join(', '));

const subjects = SUBJECTS.map(([title, records]) => {
  const rows = Object.entries(records).map(([name, record]) => [
    code(name),
    inWords(record.kind),
    defaultOf(record),
    gunicorn(record),
    record.about,
  ]);
  return `## ${title}\n\n${table(['option', 'value', 'default', 'Gunicorn', 'what it is'], rows)}`;
});

const reloads = [...OPTIONS]
  .filter(([, { reload }]) => reload !== undefined)
  .map(([name, { reload }]) => [code(name), reload]);

const contradictions = [...OPTIONS].flatMap(([name, { contradicts = [] }]) =>
  contradicts.map(({ with: other, says }) => [code(name), code(other), says]),
);

const page = `# Options

<!-- Made from the records in lib/options/records/ by \`npm run docs:options\`: change those. -->

All options of an \`Arbiter\`, each with the name that Gunicorn has for it. What is wrong is refused when the Arbiter is made, with
\`ERR_INVALID_OPTION\` and the name of the option; so is a name that is none of these. An option that is \`undefined\` is one that was not
given. More of each is said where it is declared, and in the pages of its subject.

${subjects.join('\n')}
## What a reload takes up

A [reload](reloading.md#what-is-settled-when-a-reload-begins) finds out anew what these name. All others stay what they were when the
master was started.

${table(['option', 'what is taken up'], reloads)}
## What does not go together

Refused when the Arbiter is made, like a wrong value.

${table(['option', 'with', 'because'], contradictions)}`;

const [, , file] = process.argv;
if (file === undefined) process.stdout.write(page);
else writeFileSync(file, page);
