import { commandLine, workingFolder } from '../../options/working-folder.js';

/**
 * The folder and the command that the user started this process with, by the names that were given. Recorded when this
 * module is loaded: the host may change its working folder before it starts an Arbiter.
 */
export const origin: { readonly folder: string; readonly command: readonly string[] } = {
  folder: workingFolder(),
  command: commandLine(),
};
