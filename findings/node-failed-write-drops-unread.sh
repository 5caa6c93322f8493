#!/bin/sh
# Node: a write that fails on a pipe to a child throws away what the child had said before it ended
#
# A child has a pipe of its own beside the standard ones (`stdio: [..., 'pipe']`), says on it why it ends, and ends. The parent is busy meanwhile, and then writes to the pipe.
# A good guess: the write fails with EPIPE, and what was said, which the system holds for the parent, can be read to its end, as in a program in C. But one stream is both sides: the error
# of its writing side destroys it, with what has not been read, and 'data' never comes. Nor does it help to keep the stream from being destroyed: once it has failed, it drops what is read.
# A parent that writes nothing gets all.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   writes: EPIPE, ""
#   writes nothing: "last words"
# Source: the program below; https://nodejs.org/api/stream.html, "errorOrDestroy" of lib/internal/streams/destroy.js.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > parent.mjs <<'END'
import { spawn } from 'node:child_process';
const says = "require('fs').writeSync(3, 'last words'); process.exit()";
const child = spawn(process.execPath, ['-e', says], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
const pipe = child.stdio[3];
const seen = [];
let text = '';
pipe.on('error', ({ code }) => seen.push(code)).on('data', (data) => (text += data));
child.on('close', () => console.log(`${process.argv[2]}: ${[...seen, JSON.stringify(text)].join(', ')}`));
setTimeout(() => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
  if (process.argv[2] === 'writes') pipe.write('an order');
}, 1);
END
expected='writes: EPIPE, ""
writes nothing: "last words"'
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  found=$(npm exec --yes --package=node@$version -- sh -c "node parent.mjs writes; node parent.mjs 'writes nothing'")
  echo "$found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
