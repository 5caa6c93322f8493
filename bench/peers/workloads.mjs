/*
 * The workloads of the head to head: /json serialises 10 KB, /cpu computes for about a millisecond, and any other path
 * says hello. workloads.py and workloads.ru do the same.
 */
import hello from './hello.mjs';

/** About 10 KB when serialised. The data are the same in all three languages. */
const ITEMS = Array.from({ length: 100 }, (_, index) => ({
  ...{ id: index, name: `item number ${index}`, price: index * 1.25, available: index % 3 !== 0 },
  tags: ['first', 'second', 'third'],
}));
/**
 * How many turns of {@link compute} take a millisecond on this machine. The script that starts the peers measures this
 * once, so that all peers of Node have the same work.
 */
const TURNS = Number(process.env.CPU_TURNS ?? 0);

export function compute(turns) {
  let state = 1;
  for (let turn = 0; turn < turns; turn++) state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d + turn) | 1;
  return state;
}

export default (request, response) => {
  if (request.url === '/json') {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ items: ITEMS }));
    return;
  }
  // The condition never holds. It uses the result, so that the computation is not optimised away.
  if (request.url === '/cpu' && compute(TURNS) === 0) throw new Error('an even number');
  hello(request, response);
};
