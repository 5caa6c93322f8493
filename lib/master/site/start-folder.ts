import { dirname, isAbsolute } from 'node:path';
import { emitWarning } from '../../log/process-warning.js';
import { files } from '../../system/files.js';

/**
 * The folder that a successor of this process is started in: the one that this process was started in. If that is gone
 * (a release that has been pruned), it is the folder of the script, if its path is absolute and the folder is there:
 * such a command runs anywhere.
 *
 * Throws if neither folder is left.
 */
export function startFolder(folder: string, script: string | undefined): string {
  if (isFolder(folder)) return folder;
  const other = script === undefined || !isAbsolute(script) ? undefined : dirname(script);
  if (other === undefined || !isFolder(other)) {
    throw new Error(`the folder that this process was started in is gone: ${folder}`);
  }
  const message = `the folder that this process was started in is gone: ${folder}; its successor is started in that of its script, ${other}`;
  const warning = Object.assign(new Error(message), { code: 'PREFORK_FOLDER_GONE' });
  // Defined, since it cannot be assigned where the prototype is frozen.
  emitWarning(Object.defineProperty(warning, 'name', { value: 'Warning' }));
  return other;
}

function isFolder(path: string): boolean {
  try {
    return files.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
