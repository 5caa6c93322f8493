/*
 * The application of a server under attack. /health takes 2 ms of CPU, /upload reads the body, /page answers with PAGE
 * bytes and /large with LARGE bytes. Any other path is answered at once.
 */
import { text } from 'node:stream/consumers';
import hello from './hello.mjs';

/** CPU time of /health, milliseconds. attacked.py and attacked.ru take as much. */
export const WORK = 2;

const [page, large] = ['PAGE', 'LARGE'].map((name) => Buffer.alloc(Number(process.env[name] ?? 0), 'x'));

function work() {
  const { user, system } = process.cpuUsage();
  for (let spent = 0; spent < WORK * 1000; ) {
    const now = process.cpuUsage();
    spent = now.user + now.system - user - system;
  }
}

export default async (request, response) => {
  if (request.url === '/page' || request.url === '/large') {
    response.end(request.url === '/page' ? page : large);
    return;
  }
  if (request.url === '/health') work();
  if (request.url === '/upload') await text(request);
  hello(request, response);
};
