/*
 * Runs tests of the suite with many more repetitions (the long forms of test/helpers/amount.ts) and with the library's
 * own times.
 */
import { ownPace } from '../helpers/pace.js';

process.env['TEST_FORM'] = 'long';
ownPace();

const TESTS = [
  '../alone/soak',
  'access-log-ends',
  'client-schedules',
  'clocks-undeceived',
  'departures',
  'early-answers',
  'early-answers-proxies',
  'endless',
  'families',
  'frameworks',
  'fuzzed-bytes',
  'group-term',
  'hangs-under-load',
  'header-count',
  'late',
  'lingering-schedules',
  'load-balancer',
  'log-readers',
  'long-lived',
  'message-floods',
  'metrics',
  'nest-like',
  'next',
  'own-term',
  'recycling',
  'reload-broken',
  'reload-leaks',
  'roster-stress',
  'scoreboard-full',
  'slow-requests-under-load',
  'threads-hangs-under-load',
  'stop-drains',
  'tls-tickets',
  'tls-tickets-upgrade',
  'undone-failing',
  'upgrading',
  'upgrading-both',
  'upgrading-places',
  'upgrading-sockets',
  'worker-descriptors-at-once',
] as const;

for (const name of TESTS) await import(`../integration/${name}.test.js`);
