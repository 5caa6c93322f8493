import { commandLine, workingFolder } from '../../options/working-folder.js';

/**
 * Where the user started this process, and what, by the names that were given. Known from the beginning: the host may go to another folder before it starts anything.
 */
export const origin: { readonly folder: string; readonly command: readonly string[] } = {
  folder: workingFolder(),
  command: commandLine(),
};
