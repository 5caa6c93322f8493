#!/bin/sh
# Node 20 and 22: fs.fstatSync() of a pipe or socket has the next import through a link load the package a second time
#
# pnpm, and workspaces of npm, make links of packages; Node loads a package by its real path, so that there is one of each. Whether standard error is a pipe is asked with
# fs.fstatSync(2), as loggers do. One would expect nothing of the second from the first. But realpathSync() of these, where it has a part of the path in its cache, asks
# not what that is, but what the last call of any stat in numbers has found; if that was a pipe or a socket, it resolves no further. So an import behind that call
# gets the path of the link, and with it another copy of a package that is loaded already. A stat in BigInt ({ bigint: true }) does not do that.
#
# Seen with Node 20.20.2 and 22.23.3: 2 copies (1 with { bigint: true }); with 24.21.0 and 26.10.0: 1 copy in both cases
# Source: nodejs/node#51142, which is about require() and statSync() of a path; and the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p store/one store/node_modules node_modules
echo '{ "name": "one", "version": "1.0.0", "type": "module", "exports": "./index.js" }' > store/one/package.json
echo 'globalThis.copies = (globalThis.copies ?? 0) + 1;' > store/one/index.js
ln -s ../store/one node_modules/one
cat > main.mjs <<'EOF'
import { fstatSync } from 'node:fs';
await import('./store/one/index.js');
await import('./other.mjs');
fstatSync(2, process.argv[2] === 'bigint' ? { bigint: true } : {});
await import('one');
console.log(globalThis.copies);
EOF
echo 'export {};' > other.mjs
for pair in 20.20.2:2:1 22.23.3:2:1 24.21.0:1:1 26.10.0:1:1; do
  version=${pair%%:*}
  # Standard error is a pipe.
  npm exec --yes --package=node@$version -- sh -c '{ node main.mjs > copies; node main.mjs bigint >> copies; } 2>&1 | cat'
  found=$(tr '\n' ':' < copies)
  echo "node $version: ${found%:} (number:bigint)"
  [ "$version:${found%:}" = "$pair" ] || { echo 'this has changed'; exit 1; }
done
