type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the value is of exactly that type. */
export function expectType<A>(): <B>(
  value: B,
  ...same: Equal<A, B> extends true ? [] : ['not the type that was expected']
) => void {
  return () => undefined;
}
