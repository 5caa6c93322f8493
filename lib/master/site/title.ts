/** The titles that Arbiters have given to this process, the latest last, each as the system has kept it. */
const titles: string[] = [];
let before = '';

/**
 * Names this process after an Arbiter; returns what undoes that. A host with a title of its own gets it back when the
 * last Arbiter has stopped, unless somebody has changed the title since.
 *
 * On Linux, a title has no more room than the command line had: after `node app.mjs`, it is cut to `prefork: ma`. Where
 * the title does not fit, the name comes first, since that is what distinguishes one service from another.
 */
export function setTitle(name: string): () => void {
  if (titles.length === 0) before = process.title;
  process.title = `prefork: master [${name}]`;
  if (!process.title.endsWith(']')) process.title = `${name}: prefork master`;
  // The title as the system has kept it, not as it was set: otherwise one that was cut would never be recognised again.
  const title = process.title;
  titles.push(title);
  return () => {
    const latest = titles.at(-1);
    titles.splice(titles.lastIndexOf(title), 1);
    if (process.title === latest) process.title = titles.at(-1) ?? before;
  };
}
