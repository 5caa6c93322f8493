/* Tests of the suite with many more repetitions: the long forms of test/helpers/amount.ts. */
process.env['TEST_FORM'] = 'long';

const TESTS = [
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
  'next',
  'recycling',
  'reload-leaks',
  'soak',
  'threads-hangs-under-load',
] as const;

for (const name of TESTS) await import(`../integration/${name}.test.js`);
