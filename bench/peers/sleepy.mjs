/* An application whose answer takes a millisecond in which its thread has nothing to do; sleepy.ru does the same. */
import hello from './hello.mjs';

export const SLEEP = 1;

export default (request, response) => {
  setTimeout(() => hello(request, response), SLEEP);
};
