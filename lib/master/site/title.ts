/** The titles that Arbiters have given to this process, the latest last, each as the system has kept it. */
const titles: string[] = [];
let before = '';

/**
 * Names this process after an Arbiter; returns what undoes that. A host with a title of its own gets it back when the last one has stopped,
 * unless somebody has changed it since.
 *
 * On Linux a title has no more room than the command line had: `node app.mjs` is cut to `prefork: ma`. Where it does not fit, the name comes
 * first, since that is what tells one service from another.
 */
export function setTitle(name: string): () => void {
  if (titles.length === 0) before = process.title;
  process.title = `prefork: master [${name}]`;
  if (!process.title.endsWith(']')) process.title = `${name}: prefork master`;
  // What is kept of it, not what was asked for: the one that is cut would never be known again.
  const title = process.title;
  titles.push(title);
  return () => {
    const latest = titles.at(-1);
    titles.splice(titles.lastIndexOf(title), 1);
    if (process.title === latest) process.title = titles.at(-1) ?? before;
  };
}
