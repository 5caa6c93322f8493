#!/bin/sh
# Node: process.getActiveResourcesInfo() does not name a worker thread, which keeps the process running
#
# The documentation says of process.getActiveResourcesInfo() that it names the types of the resources "that are currently keeping the event loop alive". Who looks why a program
# does not end, or what a request waits for, expects a thread of node:worker_threads there, as a child process is there as ProcessWrap. It is not: the
# list is empty for as long as the thread runs, and the process ends when the thread does. (Its port for messages is only there while somebody listens for them.)
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   a child process: ProcessWrap
#   a thread: nothing, and the process waits for it
# Source: the program below; https://nodejs.org/api/process.html#processgetactiveresourcesinfo
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > asks.mjs << 'END'
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const kinds = () => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').join(', ') || 'nothing';
const child = spawn('sleep', ['1'], { stdio: 'ignore' });
child.on('spawn', () => setImmediate(() => writeSync(1, `a child process: ${kinds()}\n`)));
child.on('exit', () => {
  const thread = new Worker('setTimeout(() => {}, 1000)', { eval: true });
  let seen;
  thread.on('online', () => setImmediate(() => (seen = kinds())));
  thread.on('exit', () => writeSync(1, `a thread: ${seen}, and the process waits for it\n`));
});
END
expected='a child process: ProcessWrap
a thread: nothing, and the process waits for it'
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  # Into a file: a pipe would be a resource, too.
  npm exec --yes --package=node@$version -- node asks.mjs < /dev/null > told
  found=$(cat told)
  echo "$found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
