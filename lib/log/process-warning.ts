import { say } from './standard-error.js';

/**
 * Like `process.emitWarning`, for errors of this library. Where Node would print the warning, {@link say} prints it
 * instead: Node uses a stream, and a stream with unwritten data keeps the process alive for as long as nobody reads.
 */
export function emitWarning(error: Error & { readonly code?: string }): void {
  process.nextTick(() => {
    // Node's own listener, which prints warnings. It is missing if warnings are disabled.
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
    // In a separate vm context, as Jest makes one for each test file, Node does not recognize the error as an Error.
    process.emitWarning(error.message, { type: error.name, ...(error.code !== undefined && { code: error.code }) });
  }
}

/** Whether Node writes warnings to a file. */
function isRedirected(): boolean {
  const flags = `${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS']}`;
  return process.env['NODE_REDIRECT_WARNINGS'] !== undefined || flags.includes('--redirect-warnings');
}
