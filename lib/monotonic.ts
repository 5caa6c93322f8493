import { performance } from 'node:perf_hooks';

/** `performance.now()` counts from the start of its thread; `process.hrtime()` is dearer, and counts the same for all. */
const [seconds, nanoseconds] = process.hrtime();
const ORIGIN: number = seconds * 1e3 + nanoseconds / 1e6 - performance.now();

/**
 * Milliseconds on the system's monotonic clock: the same for all threads and processes, and nobody sets it.
 *
 * @param now - a moment of this thread's `performance.now()`.
 */
export function monotonic(now: number = performance.now()): number {
  return ORIGIN + now;
}
