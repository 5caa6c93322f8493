/*
 * An application that takes LOAD_TIME milliseconds to load, as one with many modules does: its thread is blocked. It says
 * hello as the others do, and answers a POST with the number of its bytes.
 */
import hello from './hello.mjs';

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.LOAD_TIME ?? 0));

export default async (request, response) => {
  if (request.method !== 'POST') return hello(request, response);
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(String(bytes));
};
