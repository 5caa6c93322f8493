/* Tests of the suite with many more repetitions: the long forms of test/helpers/amount.ts, and with the library's own times. */
import { ownPace } from '../helpers/pace.js';

process.env['TEST_FORM'] = 'long';
ownPace();

const TESTS = [
  '../alone/soak',
  'client-schedules',
  'departures',
  'early-answers',
  'early-answers-proxies',
  'fuzzed-bytes',
  'hangs-under-load',
  'late',
  'lingering-schedules',
  'load-balancer',
  'long-lived',
  'message-floods',
  'metrics',
  'next',
  'recycling',
  'reload-broken',
  'reload-leaks',
  'slow-requests-under-load',
  'threads-hangs-under-load',
  'tls-tickets',
  'tls-tickets-upgrade',
] as const;

for (const name of TESTS) await import(`../integration/${name}.test.js`);
