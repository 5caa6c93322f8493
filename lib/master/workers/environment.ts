/* Which of Node's flags, and which environment, a worker gets. */
import { envFiles, readEnvFiles, splitEnvFiles } from '../../options/env-files.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { withoutServiceVariables } from '../../system/systemd.js';

export interface Environment {
  /** Node's flags without those that name files of variables. */
  readonly execArgv: readonly string[];
  readonly variables: NodeJS.ProcessEnv;
}

/**
 * The flags and the environment as they are now. The files of variables are read here, so a worker that is started
 * later gets what they say now, not what they say by then. Throws `ERR_INVALID_OPTION` for files that cannot be read.
 */
export function workerEnvironment(
  options: Pick<ResolvedOptions, 'execArgv' | 'cwd' | 'env'>,
  environment: NodeJS.ProcessEnv,
): Environment {
  const { flags, files } = splitEnvFiles(options.execArgv, options.cwd);
  // Files that the host's own flags name have already been loaded into its environment.
  const further = options.execArgv === process.execArgv ? [] : readEnvFiles(files);
  const renewed = envFiles.renew({ ...withoutServiceVariables(environment), ...options.env });
  return { execArgv: flags, variables: { ...Object.fromEntries(further), ...renewed } };
}
