/** Calls `act` the first time only. A descriptor that was closed may be another file's when it is closed once more. */
export function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
