#!/bin/sh
# npm: TERM to npx ends npx and its shell, and the server that they have started goes on, without a parent
#
# A server that is started by `npx server &` and stopped by `kill $!`. npx starts a shell (`sh -c server`), and hands TERM on to that. Where the shell becomes
# the server (bash does so with a command that is its last), the server hears TERM. Where it waits for it instead (dash, the `sh` of Debian and Ubuntu), the
# shell is ended, npx ends as well, and the server hears nothing: it goes on with init, or a subreaper, as its parent, and holds its port. So it is with `npm start`.
# `node_modules/.bin/server` is one process.
#
# Seen with npm 10.9.4 and 11.19.1, on Node 20.20.2:
#   dash:             the server hears nothing, and goes on; npx has ended
#   bash:             the server hears TERM, and goes on; npx goes on
#   without npx:      the server hears TERM, and goes on
# Source: the program below. The same is told in https://github.com/npm/cli/issues/6684
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' > package.json
mkdir -p node_modules/.bin
cat > node_modules/.bin/server <<'JS'
#!/usr/bin/env node
const { appendFileSync } = require('node:fs');
const note = (text) => appendFileSync('heard.txt', `${text}\n`);
process.on('SIGTERM', () => note('TERM'));
setTimeout(() => {}, 120_000);
note(process.pid);
JS
chmod +x node_modules/.bin/server
cat > ask.mjs <<'JS'
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
const LIMIT = 30_000;
const heard = () => {
  try {
    return readFileSync('heard.txt', 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
};
const until = async (holds, limit = LIMIT) => {
  for (const start = Date.now(); !holds() && Date.now() - start < limit; ) await delay(20);
};
const runs = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const [npx] = process.argv.slice(2);
const ways = [
  ['dash:       ', process.execPath, [npx, '--script-shell=dash', 'server']],
  ['bash:       ', process.execPath, [npx, '--script-shell=bash', 'server']],
  ['without npx:', 'node_modules/.bin/server', []],
];
for (const [name, command, args] of ways) {
  rmSync('heard.txt', { force: true });
  const started = spawn(command, args, { stdio: 'ignore' });
  const ended = () => started.exitCode !== null || started.signalCode !== null;
  await until(() => heard().length > 0 || ended());
  const server = Number(heard()[0]);
  started.kill('SIGTERM');
  // What is to come has time to come.
  await until(() => heard().length > 1, 3_000);
  const fate = (goesOn) => (goesOn ? 'goes on' : 'has ended');
  const npxToo = args.length > 0 ? `; npx ${fate(!ended())}` : '';
  console.log(`${name} the server hears ${heard()[1] ?? 'nothing'}, and ${fate(runs(server))}${npxToo}`);
  for (const pid of [server, started.pid]) if (pid > 1 && runs(pid)) process.kill(pid, 'SIGKILL');
  await until(ended);
}
JS
expected='dash:        the server hears nothing, and goes on; npx has ended
bash:        the server hears TERM, and goes on; npx goes on
without npx: the server hears TERM, and goes on'
for version in 10.9.4 11.19.1; do
  npm install --silent --no-audit --no-fund --no-save --prefix "npm-$version" npm@$version > /dev/null
  echo "npm $version"
  found=$(node ask.mjs "npm-$version/node_modules/npm/bin/npx-cli.js")
  echo "$found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
