import { FD } from '../../protocol/spec.js';

/** Node opens a report only by its name, so this is the name of a descriptor that the master reads. */
const PATH = `/dev/fd/${FD.REPORT}`;

type Settings = Record<string, unknown>;

/**
 * The settings for the master: a report on a fatal error, without look-ups of host names, and without the
 * environment.
 */
const OURS: Settings = { filename: PATH, reportOnFatalError: true, excludeNetwork: true, excludeEnv: true };
/** Node's settings when nobody has changed them. */
const DEFAULTS: Settings = {
  ...{ directory: '', filename: '', compact: false, excludeNetwork: false, excludeEnv: false },
  ...{ reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false },
};
/**
 * An application that changes one of these settings wants reports of its own. The other settings only say what a report
 * contains, and libraries change them as they load.
 */
const CLAIMS: ReadonlySet<string> = new Set(
  Object.keys(DEFAULTS).filter((name) => /^(?:dir|file|reportOn)/.test(name)),
);

/**
 * Has Node write a diagnostic report for the master when V8 runs out of heap. The application can use `process.report`
 * as if this were not there. When the application, or a flag, asks for reports of its own, it gets them, and the master
 * gets none.
 *
 * The settings belong to the process, but each thread has its own `process.report` object. So this is called in each
 * thread.
 */
export function armFatalReport(): void {
  const report = process.report as unknown as Settings;
  const wanted = Object.entries(DEFAULTS).some(([name, value]) => name in report && report[name] !== value);
  // Changed settings are those of the application or of a flag, unless the file name is ours: then this is a thread,
  // and its process has armed the report already.
  if (wanted && report['filename'] !== PATH) return;
  const properties = Object.getOwnPropertyDescriptors(report);
  const apply = (settings: Settings): void => {
    for (const [name, value] of Object.entries(settings)) properties[name]?.set?.call(report, value);
  };
  const theirs = { ...DEFAULTS };
  // Read each time, since another thread may have changed a setting.
  const armed = (): boolean => properties['filename']?.get?.call(report) === PATH;
  apply(OURS);

  for (const name of Object.keys(DEFAULTS)) {
    const { get, set, ...property } = properties[name] ?? {};
    if (!set) continue;
    Object.defineProperty(report, name, {
      ...property,
      get: () => (armed() ? theirs[name] : get?.call(report)),
      set(value: unknown) {
        const ours = armed();
        // Throws for a value that Node does not accept.
        set.call(report, value);
        if (!ours) return;
        theirs[name] = value;
        apply(CLAIMS.has(name) ? theirs : OURS);
      },
    });
  }
  for (const name of ['getReport', 'writeReport']) {
    const method = report[name] as (...args: unknown[]) => unknown;
    report[name] = (...args: unknown[]): unknown => {
      if (!armed()) return method.apply(report, args);
      apply(theirs);
      try {
        return method.apply(report, args);
      } finally {
        apply(OURS);
      }
    };
  }
}
