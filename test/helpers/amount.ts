/** Set for the long form: `npm run test:long`. */
const LONG = process.env['TEST_FORM'] === 'long';

/**
 * How much of something a test does. `suite`: what tells as much as it can in the time of the suite. `long`: what is
 * enough to trust the result. The test is the same in both forms, and must fail for the same reasons; what happens once
 * in a thousand times is found by the long form only.
 */
export function amount<T>(form: { readonly suite: T; readonly long: T }): T {
  return LONG ? form.long : form.suite;
}

/**
 * Whether a combination of cases is tried: in the suite those of `inSuite`, which have each case once; in the long form
 * every one.
 */
export function isTried(inSuite: boolean): boolean {
  return LONG || inSuite;
}
