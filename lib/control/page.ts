import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Answer, GUARDED } from './answer.js';

let page: Answer | undefined;

/** The page for humans: one file, which asks nobody but this server, and in which nothing runs but what is in it. */
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
    // No text can become markup, whoever has sent it.
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; ');
  return {
    status: 200,
    body: html,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy },
  };
}

/** Of the elements of that name, as a policy names their content. */
function hashes(html: string, element: string): string {
  const found = [...html.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs'))];
  return found.map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
}
