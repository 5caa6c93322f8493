import assert from 'node:assert/strict';
import test from 'node:test';
import { timeSpan } from '../../../build/cli/doctor/time-span.js';

/** What `systemd-analyze timespan` of systemd 252 makes of each, in microseconds. */
const SPANS: Readonly<Record<string, number>> = {
  ...{ '90': 90e6, '90s': 90e6, '5 s': 5e6, '2sec': 2e6, '1second': 1e6, '3 seconds': 3e6, '+5': 5e6, '.5': 5e5 },
  ...{ '500us': 500, '500usec': 500, '500µs': 500, '500μs': 500, '7ms': 7_000, '7 msec': 7_000 },
  ...{ '2m': 120e6, '2min': 120e6, '1minute': 60e6, '3minutes': 180e6, '1.5min': 90e6 },
  ...{ '1h': 36e8, '1hr': 36e8, '1hour': 36e8, '2hours': 72e8, '2d': 1728e8, '1day': 864e8, '2 days': 1728e8 },
  ...{ '1w': 6048e8, '1week': 6048e8, '2 weeks': 12096e8, '1M': 26298e8, '1 month': 26298e8, '2months': 52596e8 },
  ...{ '1y': 315576e8, '1year': 315576e8, '2 years': 631152e8 },
  ...{ '1min 30s': 90e6, '1min30s': 90e6, '5 5': 10e6, '2w3': 1209603e6, '1.2 .3': 1.5e6, '12.34s.56': 12.9e6 },
  ...{ infinity: Number.POSITIVE_INFINITY, ' infinity ': Number.POSITIVE_INFINITY, '0': 0, '0s': 0 },
};

for (const [text, expected] of Object.entries(SPANS)) {
  test(`the time span ${JSON.stringify(text)}`, () => {
    const span = timeSpan(text);
    assert.ok(span === expected / 1_000 || Math.abs((span ?? Number.NaN) - expected / 1_000) < 1e-6, `${span} ms`);
  });
}

test('what systemd does not understand is no time span', () => {
  for (const text of ['', ' ', 'foo', '5.', '3.sec', '1.2.3', '2 mins', '5sfoo', '5S', '5m o', '-5', 'infinity 5', 's'])
    assert.equal(timeSpan(text), undefined, text);
});
