// instrumentation.mjs
import { register } from 'node:module';
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';

// For applications that are ES modules.
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);

const sdk = new NodeSDK({
  serviceName: 'shop',
  traceExporter: new tracing.ConsoleSpanExporter(),
  instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
  // Otherwise metrics and logs are sent to a collector on localhost. If there is none, shutdown() tries for seconds.
  metricReaders: [],
  logRecordProcessors: [],
});
sdk.start();

process.on('SIGTERM', async () => {
  await sdk.shutdown();
  console.log('all spans are exported');
});
