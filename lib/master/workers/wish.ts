/** Somebody wants the worker of a slot to be replaced by another one. Whoever asks for it meanwhile shares the wish. */
export interface Wish {
  /** Set when the replacement has died, with the cause if it is known. */
  failed: { readonly cause: Error | undefined } | undefined;
}
