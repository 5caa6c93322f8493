/*
 * This library: prefork.mjs PORT WORKERS CLASS [SETUP]. SETUP is JSON: `app` is the application's file, `socketPath` a
 * Unix socket to serve on as well, `options` has further options, and `metricsEach` is the interval in milliseconds at
 * which the metrics are read. Exit code 64 (EX_USAGE) says that this build refuses the options.
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
