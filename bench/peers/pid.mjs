/* An application that names its process, and collects its garbage on SIGUSR2. `/` says hello as the others do. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import hello from './hello.mjs';

if (isMainThread) {
  // So no peer has to be started with a flag for it.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => collect());
}

export default (request, response) => {
  if (request.url !== '/pid') return hello(request, response);
  response.end(String(process.pid));
};
