import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Answer, GUARDED } from './answer.js';

let page: Answer | undefined;

/**
 * The page for humans, in one file. It may send requests to this server only, and no script or style runs in it but its
 * own.
 */
export function readPage(): Answer {
  page ??= answerOf(readFileSync(new URL('page.html', import.meta.url), 'utf8'));
  return page;
}

function answerOf(html: string): Answer {
  const policy = [
    GUARDED['Content-Security-Policy'],
    `script-src ${hashes(html, 'script')}`,
    `style-src ${hashes(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    // Text cannot become markup, whoever has sent it.
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; ');
  return {
    status: 200,
    body: html,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy },
  };
}

/** The hashes of the contents of all elements of that name, as a Content-Security-Policy lists them. */
function hashes(html: string, element: string): string {
  const found = [...html.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs'))];
  return found.map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
}
