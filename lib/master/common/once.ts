/** Does it the first time only: a descriptor that was closed may be another's when it is closed once more. */
export function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
