/*
 * This library: prefork.mjs PORT WORKERS CLASS [SETUP]. SETUP is JSON: the application's file as `app`, a
 * `socketPath` to serve on as well, further options as `options`, and `metricsEach`, the milliseconds between two looks at the metrics. Exit code 64 (EX_USAGE) tells that this build does not know an option.
 */
const { Arbiter } = await import(process.env.PREFORK_BUILD ?? 'prefork');

const [port, workers, workerClass, setup = '{}'] = process.argv.slice(2);
const { app = 'hello.mjs', socketPath, metricsEach, options = {} } = JSON.parse(setup);

function create() {
  try {
    return new Arbiter({
      app: new URL(`./${app}`, import.meta.url),
      bind: [{ port: Number(port), host: '127.0.0.1' }, ...(socketPath ? [{ path: socketPath }] : [])],
      workers: Number(workers),
      workerClass,
      logger: false,
      ...options,
    });
  } catch (error) {
    console.error(error.message);
    process.exit(64);
  }
}
const arbiter = create();
if (metricsEach) setInterval(() => arbiter.metrics(), metricsEach).unref();
await arbiter.run();
