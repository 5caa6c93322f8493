import { readFileSync } from 'node:fs';

/** The text of a page without code blocks and HTML comments: nothing in these is a link or a heading. */
export function textOf(page: string): string {
  return readFileSync(page, 'utf8')
    .replaceAll(/^(`{3,})[^`\n]*\n.*?^\1$/gms, '')
    .replaceAll(/<!--.*?-->/gs, '');
}

/** The targets of all links and pictures of a page, with their anchors. */
export function linksOf(page: string): string[] {
  const text = textOf(page).replaceAll(/`[^`\n]*`/g, '');
  const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)];
  const named = [...text.matchAll(/^\[[^\]]+\]: +(\S+)/gm)];
  const markup = [...text.matchAll(/\b(?:href|src)="([^"]+)"/g)];
  return [...inline, ...named, ...markup].map(([, link = '']) => link);
}

/** Whether a link leads out of this project. */
export const isElsewhere = (link: string): boolean => /^(?:https?|mailto):/.test(link);
