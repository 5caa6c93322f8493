#!/bin/sh
# tsx: the `tsx` command hands TERM on to the script, but not HUP: it ends itself, and the script goes on without a parent
#
# A server that is started by `tsx server.ts` and that answers HUP (a reload, new log files) and TERM (a stop) with handlers of its own. A supervisor knows the
# process that it has started, and sends both there. One would expect what is done with TERM to be done with HUP. TERM does come to the script, which decides when to end. HUP does not:
# the process that was started is dead at once, so a supervisor starts the service once more; the script has not heard anything, still runs, and still holds its port.
# `node --import tsx server.ts` is one process, and hears both.
#
# Seen, tsx 4.23.15 on node 20.20.2:
#   tsx, TERM:               the script hears TERM, and runs on; what was started runs on
#   tsx, HUP:                the script hears nothing, and runs on; what was started has ended
#   node --import tsx, HUP:  the script hears HUP, and runs on; what was started runs on
# Source: the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund tsx@4.23.15 > /dev/null
cat > server.mts <<'TS'
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
const note = (text: string): void => appendFileSync('heard.txt', `${text}\n`);
process.on('SIGHUP', () => note('HUP'));
process.on('SIGTERM', () => note('TERM'));
createServer().listen(0, '127.0.0.1', () => note(`${process.pid}`));
TS
cat > ask.mjs <<'JS'
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
const LIMIT = 20_000;
const heard = () => {
  try {
    return readFileSync('heard.txt', 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
};
const until = async (holds, limit = LIMIT) => {
  for (const start = Date.now(); !holds() && Date.now() - start < limit; ) await delay(20);
  return holds();
};
const runs = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
for (const [name, command, args, signal] of [
  ['tsx, TERM:              ', 'node_modules/.bin/tsx', [], 'SIGTERM'],
  ['tsx, HUP:               ', 'node_modules/.bin/tsx', [], 'SIGHUP'],
  ['node --import tsx, HUP: ', process.execPath, ['--import', 'tsx'], 'SIGHUP'],
]) {
  rmSync('heard.txt', { force: true });
  const started = spawn(command, [...args, 'server.mts'], { stdio: 'ignore' });
  await until(() => heard().length > 0);
  const script = Number(heard()[0]);
  started.kill(signal);
  const ended = () => started.exitCode !== null || started.signalCode !== null;
  await until(() => heard().length > 1 || ended());
  // What is to come has time to come.
  await until(() => heard().length > 1 && ended(), 2_000);
  const what = heard()[1] ?? 'nothing';
  console.log(`${name} the script hears ${what}, and ${runs(script) ? 'runs on' : 'has ended'}; what was started ${ended() ? 'has ended' : 'runs on'}`);
  for (const pid of [script, started.pid]) if (runs(pid)) process.kill(pid, 'SIGKILL');
}
JS
found=$(node ask.mjs)
echo "$found"
expected='tsx, TERM:               the script hears TERM, and runs on; what was started runs on
tsx, HUP:                the script hears nothing, and runs on; what was started has ended
node --import tsx, HUP:  the script hears HUP, and runs on; what was started runs on'
[ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
