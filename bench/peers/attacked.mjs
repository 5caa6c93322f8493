/*
 * An application for who is attacked: /health takes 2 ms of the CPU, /upload reads the body, /page is an answer of PAGE bytes, /large
 * one of LARGE bytes; any other path is answered at once.
 */
import { text } from 'node:stream/consumers';
import hello from './hello.mjs';

/** CPU time of /health, milliseconds; attacked.py and attacked.ru do the same. */
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
