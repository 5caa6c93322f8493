/** The greatest edit distance at which a known word is still suggested. */
const MOST = 3;

/** For the end of a message: the known word that was probably meant, or an empty string. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const question = nearest(word, known);
  return question === undefined ? '' : `; ${question}`;
}

export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.min(MOST, Math.ceil(word.replace(/^-+/, '').length / 2)) + 1;
  for (const candidate of known) {
    const far = distance(word.toLowerCase(), candidate.toLowerCase());
    if (far < least) [best, least] = [candidate, far];
  }
  return best === undefined ? undefined : `did you mean ${best}?`;
}

/** The Levenshtein distance: how many characters must be added, dropped or changed. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, character] of [...one].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= other.length; j++) {
      const changed = (row[j - 1] ?? 0) + (character === other[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
