/*
 * An application that blocks its thread for LOAD_TIME milliseconds while it loads, as one with many modules does. It
 * says hello like the others, and answers a POST with the number of bytes in the body.
 */
import hello from './hello.mjs';

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.LOAD_TIME ?? 0));

export default async (request, response) => {
  if (request.method !== 'POST') return hello(request, response);
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(String(bytes));
};
