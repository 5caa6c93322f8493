/* An application that answers after a millisecond in which its thread is idle. sleepy.ru does the same. */
import hello from './hello.mjs';

export const SLEEP = 1;

export default (request, response) => {
  setTimeout(() => hello(request, response), SLEEP);
};
