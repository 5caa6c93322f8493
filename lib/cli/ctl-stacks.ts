/* What workers are doing, for a terminal. */
import { duration, printable } from '../log/text.js';

interface Stack {
  readonly worker?: { readonly id?: number; readonly pid?: number };
  readonly id?: number;
  readonly pid?: number;
  readonly thread?: number;
  readonly request?: { readonly method?: string; readonly url?: string; readonly startedAt?: number };
  readonly stack?: string;
}

/** A block of lines for each worker or thread. Fields without a form of their own are shown as they came. */
export function stackBlocks(stacks: unknown): string[] {
  const all = Array.isArray(stacks) ? (stacks as Stack[]) : [];
  const blocks = all.map((entry) => [titleOf(entry), ...bodyOf(entry)].join('\n'));
  return blocks.length > 0 ? blocks : ['no worker has told what it is doing'];
}

function titleOf({ worker, id = worker?.id, pid = worker?.pid, thread, request }: Stack): string {
  const name = `worker #${id ?? '?'} (pid ${pid ?? '?'})${thread === undefined ? '' : `, thread ${thread}`}`;
  if (request?.method === undefined) return name;
  const age = request.startedAt === undefined ? '' : `, ${duration(Math.max(0, Date.now() - request.startedAt))} old`;
  return `${name}: ${printable(request.method)} ${printable(request.url ?? '')}${age}`;
}

function bodyOf({ worker, id, pid, thread, request, stack, ...rest }: Stack): string[] {
  const more = Object.entries(rest).filter(([, value]) => value !== undefined);
  const lines = more.map(
    ([name, value]) => `  ${name}: ${printable(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
  const frames = (stack ?? '').split('\n').filter((line) => line.trim() !== '');
  return [...lines, ...frames.map((line) => `    ${printable(line.trim())}`)];
}
