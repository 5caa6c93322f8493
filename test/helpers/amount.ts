/** Set for the long form: `npm run test:long`. */
const LONG = process.env['TEST_FORM'] === 'long';

/**
 * How much of something a test does: what tells as much as it can in the time of the suite, or what is enough to trust it for long. It is
 * the same test in both, and must fail for the same reasons; what comes once in a thousand times is found by the long form only.
 */
export function amount<T>(form: { readonly suite: T; readonly long: T }): T {
  return LONG ? form.long : form.suite;
}

/** Whether a combination of cases is tried: one of the suite's, which has each case once, or any in the long form. */
export function isTried(inSuite: boolean): boolean {
  return LONG || inSuite;
}
