/* What of node's flags, and of the environment, a worker gets. */
import { envFiles, readEnvFiles, splitEnvFiles } from '../../options/env-files.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { withoutServiceVariables } from '../../system/systemd.js';

export interface Environment {
  /** Without those that name files of variables. */
  readonly execArgv: readonly string[];
  readonly variables: NodeJS.ProcessEnv;
}

/** As it is now: whoever is started with it later does not find what the files say by then. Throws `ERR_INVALID_OPTION` for files that cannot be read. */
export function workerEnvironment(
  options: Pick<ResolvedOptions, 'execArgv' | 'cwd' | 'env'>,
  environment: NodeJS.ProcessEnv,
): Environment {
  const { flags, files } = splitEnvFiles(options.execArgv, options.cwd);
  // Those of the host's own flags are in its environment.
  const further = options.execArgv === process.execArgv ? [] : readEnvFiles(files);
  const renewed = envFiles.renew({ ...withoutServiceVariables(environment), ...options.env });
  return { execArgv: flags, variables: { ...Object.fromEntries(further), ...renewed } };
}
