/* OpenTelemetry is set up before the application is loaded, in each worker and thread. */
import assert from 'node:assert/strict';
import { ask } from '../helpers/app-load.js';
import type { Application, Running } from '../helpers/applications.js';
import { eventually } from '../helpers/wait.js';

const HELLO = { path: '/hello/spans', answer: /^\{"hello":"spans"\}$/ };

/** Checks that a request of a trace becomes a span of it, with the route, which only Express knows. */
async function traces({ address, program, isReloaded }: Running): Promise<void> {
  const trace = (isReloaded ? 'b' : 'a').repeat(32);
  await ask(address, { ...HELLO, headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
  const spans = (): string[] =>
    program.output
      .split(/^\{$/m)
      .filter((span) => span.includes(`traceId: '${trace}'`) && /^ {2}kind: 1,$/m.test(span));
  await eventually(
    () => spans().length > 0,
    () => `a span of ${trace}\n${program.output}`,
  );
  assert.match(spans()[0] ?? '', /'http\.route': '\/hello\/:name'/);
}

const application: Application = {
  start: 'npx prefork app.mjs --exec-argv=--import=./instrumentation.mjs',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'OpenTelemetry', packages: ['@opentelemetry/sdk-node', 'express'] },
  // A batch waits for 5 seconds by default.
  env: { OTEL_BSP_SCHEDULE_DELAY: '100' },
  requests: [HELLO],
  further: traces,
  ends: /all spans are exported/,
  preloads: true,
  shown: ['instrumentation.mjs', 'app.mjs'],
};
export default application;
