import { dirname, isAbsolute } from 'node:path';
import { emitWarning } from '../../log/process-warning.js';
import { files } from '../../system/files.js';

/**
 * The folder for a successor of this process: the one that this was started in. Where that is gone, as a release is that has been pruned, it is
 * the folder of the script, if the script is still there: one whose paths are absolute runs anywhere.
 *
 * Throws where nothing is left to be run.
 */
export function startFolder(folder: string, script: string | undefined): string {
  if (isFolder(folder)) return folder;
  const other = script === undefined || !isAbsolute(script) ? undefined : dirname(script);
  if (other === undefined || !isFolder(other)) {
    throw new Error(`the folder that this process was started in is gone: ${folder}`);
  }
  const message = `the folder that this process was started in is gone: ${folder}; its successor is started in that of its script, ${other}`;
  const warning = Object.assign(new Error(message), { code: 'PREFORK_FOLDER_GONE' });
  // Where the prototype is frozen, it cannot be set.
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
