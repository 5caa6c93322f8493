import type { Debugger, InspectorNotification } from 'node:inspector';
import { fileURLToPath } from 'node:url';

/** A call that runs native code cannot be interrupted; longer than this, the stack is not waited for. Milliseconds. */
export const TRACE_LIMIT = 500;
/** Recursion makes long stacks of which the ends tell all. */
const FRAMES = 64;
const OWN = new URL('../', import.meta.url).href;

type Parsed = InspectorNotification<Debugger.ScriptParsedEventDataType>;
type Paused = InspectorNotification<Debugger.PausedEventDataType>;

/**
 * The calls of a thread that a debugger has paused, in the form of an error's stack.
 *
 * @param scripts - where each script is from, by its id: the calls themselves do not always say.
 */
export function formatFrames(frames: readonly Debugger.CallFrame[], scripts: ReadonlyMap<string, string>): string {
  const urls = frames.map(({ url, location }) => url || scripts.get(location.scriptId) || '');
  // What called the application is the same each time.
  const known = urls.findLastIndex((url) => !url.startsWith('node:') && !url.startsWith(OWN)) + 1;
  const lines = frames.slice(0, known || frames.length).map(({ functionName, location }, index) => {
    const where = `${readablePath(urls[index] ?? '')}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
    return functionName === '' ? `    at ${where}` : `    at ${functionName} (${where})`;
  });
  if (lines.length > FRAMES) lines.splice(FRAMES / 2, lines.length - FRAMES, `    … ${lines.length - FRAMES} more`);
  return lines.join('\n');
}

function readablePath(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url || '<anonymous>';
  } catch {
    return url;
  }
}

/** The stack of the main thread of this process, as seen from another one; undefined when it cannot be had. The main thread stays paused. */
export async function traceMainThread(): Promise<string | undefined> {
  const { Session } = await import('node:inspector');
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TRACE_LIMIT, undefined);
    try {
      const session = new Session();
      session.connectToMainThread();
      const scripts = new Map<string, string>();
      session.on('Debugger.scriptParsed', ({ params }: Parsed) => scripts.set(params.scriptId, params.url));
      session.on('Debugger.paused', ({ params }: Paused) => {
        clearTimeout(timer);
        resolve(formatFrames(params.callFrames, scripts));
      });
      session.post('Debugger.enable', () => session.post('Debugger.pause'));
    } catch {
      // A node without an inspector.
      clearTimeout(timer);
      resolve(undefined);
    }
  });
}
