import { performance } from 'node:perf_hooks';

/**
 * `performance.now()` counts from the start of its thread. `process.hrtime()` counts the same for all threads, but
 * costs more.
 */
const [seconds, nanoseconds] = process.hrtime();
const ORIGIN: number = seconds * 1e3 + nanoseconds / 1e6 - performance.now();

/**
 * Milliseconds on the system's monotonic clock. It is the same for all threads and processes, and is never set.
 *
 * @param now - a time of this thread's `performance.now()`.
 */
export function monotonic(now: number = performance.now()): number {
  return ORIGIN + now;
}
