import { readFileSync } from 'node:fs';

/** Without what is code: nothing in it is a link, or a heading. */
export function textOf(page: string): string {
  return readFileSync(page, 'utf8')
    .replaceAll(/^(`{3,})[^`\n]*\n.*?^\1$/gms, '')
    .replaceAll(/<!--.*?-->/gs, '');
}

/** What a page of markdown links to and shows, with the anchors. */
export function linksOf(page: string): string[] {
  const text = textOf(page).replaceAll(/`[^`\n]*`/g, '');
  const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)];
  const named = [...text.matchAll(/^\[[^\]]+\]: +(\S+)/gm)];
  const markup = [...text.matchAll(/\b(?:href|src)="([^"]+)"/g)];
  return [...inline, ...named, ...markup].map(([, link = '']) => link);
}

/** Not of this project. */
export const isElsewhere = (link: string): boolean => /^(?:https?|mailto):/.test(link);
