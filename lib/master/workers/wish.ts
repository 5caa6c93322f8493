/** Somebody wants another worker in the place of one; whoever does so meanwhile shares it. */
export interface Wish {
  /** The one that was to replace it has died, and why, if that is known. */
  failed: { readonly cause: Error | undefined } | undefined;
}
