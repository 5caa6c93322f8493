/*
 * Writes docs/api-report.md, the list of all that this package exports: `npm run docs:api`. It is made from the
 * declarations that users get, so that whatever changes for users changes there. Without the name of a file, it writes
 * to standard output, for the test that finds a stale report.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '..');
const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const printer = ts.createPrinter({ removeComments: true });

/** The names that an entry point exports, with their declarations. */
function exportsOf(types) {
  const path = join(ROOT, types);
  const options = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  };
  const checker = ts.createProgram([path], options);
  const source = checker.getSourceFile(path);
  const resolver = checker.getTypeChecker();
  return resolver
    .getExportsOfModule(resolver.getSymbolAtLocation(source))
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? resolver.getAliasedSymbol(symbol) : symbol))
    .map((symbol) => ({
      name: symbol.getName(),
      doc: ts.displayPartsToString(symbol.getDocumentationComment(resolver)),
      text: symbol.declarations.map(printed).join('\n'),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The text of a declaration; for a `const`, that of the whole statement. */
function printed(declaration) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return printer
    .printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile())
    .replace(/^export (?:declare )?/, '')
    .replaceAll(/^(?: {4})+/gm, (spaces) => ' '.repeat(spaces.length / 2));
}

/** The first paragraph on one line, with links as plain words. */
function summary(doc) {
  const [first = ''] = doc.split(/\n\s*\n/);
  return first
    .replaceAll(/\{@link ([^}]+?) *\}/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const entries = Object.entries(exports).filter(([, entry]) => entry.types !== undefined);
const sections = entries.map(([path, { types }]) => {
  const all = exportsOf(types);
  const undocumented = all.filter(({ doc }) => doc === '').map(({ name }) => name);
  if (undocumented.length > 0) throw new Error(`exported without a doc: ${undocumented.join(', ')}`);
  const list = all.map(({ name, doc, text }) => `### ${name}\n\n${summary(doc)}\n\n\`\`\`ts\n${text}\n\`\`\`\n`);
  return `## \`${path.replace(/^\./, 'prefork')}\`: ${all.length} names\n\n${list.join('\n')}`;
});
const others = Object.keys(exports).filter((path) => exports[path].types === undefined);

const report = `# API report

<!-- Made from the declarations in dist/ by \`npm run docs:api\`: change those. -->

All names that this package exports, each with the beginning of its doc and its declaration: what [the promise of a version](guide/versions.md) is about. A test fails when this page and
the declarations differ, so that nothing of it changes unnoticed. Further entry points: ${others.map((path) => `\`${path.replace(/^\./, 'prefork')}\``).join(', ')}. Commands: ${Object.keys(
  bin,
)
  .map((name) => `\`${name}\``)
  .join(', ')}.

${sections.join('\n')}`;

const [, , file] = process.argv;
if (file === undefined) process.stdout.write(report);
else writeFileSync(file, report);
