import fc from 'fast-check';

/**
 * Members that every object inherits. An object from JSON may have its own, which are not functions. Turning such an
 * object into text throws.
 */
const INHERITED = ['toString', 'valueOf', 'toJSON', 'constructor', '__proto__', 'length', 'then'];
const notCallable = fc.constantFrom<unknown>(1, null, 'x', {}, []);
const object = fc
  .array(fc.tuple(fc.constantFrom(...INHERITED), notCallable), { maxLength: 3 })
  .map((members) => Object.fromEntries([['toString', 1], ...members]));

/** Such objects, as `JSON.parse()` may return them. */
export const textless: fc.Arbitrary<unknown> = fc.oneof(object, fc.array(object, { minLength: 1, maxLength: 2 }));
