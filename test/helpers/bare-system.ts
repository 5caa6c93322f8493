import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fixture, type HostSettings } from './host.js';
import { temporaryFolder } from './place.js';

/*
 * A file system that holds node, the libraries of the system and this project, and nothing else, as a distroless image
 * does. It is mounted where only the host and its children see it, and disappears with the last of them.
 */
const ENTER = `
set -e
root=$1 node=$2 project=$3; shift 3
mount -t tmpfs none "$root"
for folder in /lib /lib64 /usr/lib /usr/lib64 /proc /dev "$project"; do
  [ -d "$folder" ] || continue
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
mkdir -p "$root\${node%/*}" "$root/tmp"
touch "$root$node"
mount --bind "$node" "$root$node"
exec chroot "$root" "$node" "$@"
`;

// The rights to mount come from being root, or from a user namespace where that is allowed.
const NAMESPACE = process.getuid?.() === 0 ? '-m' : '-Urm';

/** The reason why a test cannot have a bare system here, if there is one. */
export const noBareSystem: string | false =
  spawnSync('unshare', [NAMESPACE, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status !== 0 && 'needs the right to mount';

/** Settings for a Host in a system without a shell and other programs. */
export function bareSystem(t: TestContext): HostSettings {
  const [root, node, project] = [temporaryFolder(t), realpathSync(process.execPath), realpathSync(fixture('../..'))];
  return { execPath: 'unshare', execArgv: [NAMESPACE, 'sh', '-c', ENTER, 'enter', root, node, project] };
}
