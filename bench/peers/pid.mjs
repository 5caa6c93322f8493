/* An application that answers `/pid` with its pid, and runs a GC on SIGUSR2. `/` says hello like the others. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import hello from './hello.mjs';

if (isMainThread) {
  // This way no peer has to be started with --expose-gc.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => collect());
}

export default (request, response) => {
  if (request.url !== '/pid') return hello(request, response);
  response.end(String(process.pid));
};
