import { say } from './standard-error.js';

/**
 * As `process.emitWarning`, for errors of this library. Where Node would print it, {@link say} does: Node prints by a stream, and what a stream
 * has not got rid of keeps the process alive, for as long as nobody reads.
 */
export function emitWarning(error: Error & { readonly code?: string }): void {
  process.nextTick(() => {
    // It has no listener where warnings are not wanted.
    const printer = process.listeners('warning').find(({ name }) => name === 'onWarning');
    if (printer === undefined || isRedirected()) {
      emit(error);
      return;
    }
    process.off('warning', printer);
    try {
      process.emit('warning', error);
    } finally {
      process.prependListener('warning', printer);
    }
    const code = error.code === undefined ? '' : `[${error.code}] `;
    const { traceProcessWarnings: isTraced } = process as { traceProcessWarnings?: boolean };
    say(`(node:${process.pid}) ${code}${(isTraced && error.stack) || error}\n`);
  });
}

function emit(error: Error & { readonly code?: string }): void {
  try {
    process.emitWarning(error);
  } catch {
    // In a context of its own, as Jest gives one to each file of tests, an Error is none of Node's.
    process.emitWarning(error.message, { type: error.name, ...(error.code !== undefined && { code: error.code }) });
  }
}

/** Node writes them to a file then. */
function isRedirected(): boolean {
  const flags = `${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS']}`;
  return process.env['NODE_REDIRECT_WARNINGS'] !== undefined || flags.includes('--redirect-warnings');
}
