import fc from 'fast-check';

/** Members that every object inherits: one of JSON may have its own, which are no functions. Who asks such a one for its text gets an exception. */
const INHERITED = ['toString', 'valueOf', 'toJSON', 'constructor', '__proto__', 'length', 'then'];
const notCallable = fc.constantFrom<unknown>(1, null, 'x', {}, []);
const object = fc
  .array(fc.tuple(fc.constantFrom(...INHERITED), notCallable), { maxLength: 3 })
  .map((members) => Object.fromEntries([['toString', 1], ...members]));

/** As it comes out of JSON. */
export const textless: fc.Arbitrary<unknown> = fc.oneof(object, fc.array(object, { minLength: 1, maxLength: 2 }));
