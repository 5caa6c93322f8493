import { setTimeout as delay } from 'node:timers/promises';

/**
 * How long a test waits for something before it says what it saw instead. Longer than the minute for which the product
 * itself counts some things, and than what takes a second or two where the CPUs are its own. Milliseconds.
 */
export const DEADLINE = 90_000;

/** Polls until a condition holds of which no event tells. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string),
  limit = DEADLINE,
): Promise<void> {
  const start = performance.now();
  while (!(await holds())) {
    const waited = performance.now() - start;
    if (waited > limit) {
      throw new Error(`waited ${limit} ms in vain for ${typeof what === 'string' ? what : what()}`);
    }
    // The polls become rarer: other tests run at the same time, and what has not come for long may take longer.
    await delay(Math.min(20, 5 + waited / 50));
  }
}

/** The promise, or an error that says what was waited for when it is not settled within {@link DEADLINE}. */
export async function inTime<T>(promise: Promise<T>, what: string | (() => string)): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const name = typeof what === 'string' ? what : what();
      reject(new Error(`waited ${DEADLINE} ms in vain for ${name}`));
    }, DEADLINE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
