import { FD } from '../../protocol/spec.js';

/** Opened by name, since Node knows no other way; see the master's side. */
const PATH = `/dev/fd/${FD.REPORT}`;

type Settings = Record<string, unknown>;

/** What we ask for: no look-ups of names on the way out, and no environment. */
const OURS: Settings = { filename: PATH, reportOnFatalError: true, excludeNetwork: true, excludeEnv: true };
/** As it is when nobody has asked for anything. */
const DEFAULTS: Settings = {
  ...{ directory: '', filename: '', compact: false, excludeNetwork: false, excludeEnv: false },
  ...{ reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false },
};
/** Who sets one of these wants reports of their own; what is left says what is in them, and libraries set it as they load. */
const CLAIMS: ReadonlySet<string> = new Set(
  Object.keys(DEFAULTS).filter((name) => /^(?:dir|file|reportOn)/.test(name)),
);

/**
 * Has Node write a diagnostic report for the master when V8 runs out of heap. The application's own use of
 * `process.report` goes on undisturbed: what it reads and writes is as if this were not there, and when it, or a flag,
 * asks for reports of its own, it gets those and we none.
 *
 * The settings belong to the process, the object to each thread of it; so this is called in each.
 */
export function armFatalReport(): void {
  const report = process.report as unknown as Settings;
  const wanted = Object.entries(DEFAULTS).some(([name, value]) => name in report && report[name] !== value);
  // In a thread: its process has armed it already.
  if (wanted && report['filename'] !== PATH) return;
  const properties = Object.getOwnPropertyDescriptors(report);
  const apply = (settings: Settings): void => {
    for (const [name, value] of Object.entries(settings)) properties[name]?.set?.call(report, value);
  };
  const theirs = { ...DEFAULTS };
  // Asked for each time: another thread may have set something.
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
        // Throws for what Node does not take.
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
