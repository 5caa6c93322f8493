#!/bin/sh
# Node: to import a name from node:process opens standard input, and other programs that read it fail with EAGAIN
#
# An ES module that wants to know the architecture says `import { arch } from 'node:process'`, as the documentation does. One would expect no more than a look at a
# constant. But an import reads every property of the built-in module, getters too, and that of `stdin` opens standard input, which makes a pipe or a
# terminal non-blocking. That belongs to what is open, not to the process: a program that reads the same pipe, as the next of a shell script does, gets EAGAIN instead
# of waiting. (That the getter does it, when somebody calls it, is nodejs/node#42826.) The global `process`, and `require('node:process')`, read only what they are asked for.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   import { arch } from 'node:process': Resource temporarily unavailable
#   the global process.arch: waits for input
#   require('node:process').arch: waits for input
# Source: the program below.
set -eu
script=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo "import { writeFileSync } from 'node:fs'; import { arch } from 'node:process'; writeFileSync('ready', arch); setTimeout(() => {}, 60000);" > imports.mjs
echo "import { writeFileSync } from 'node:fs'; writeFileSync('ready', process.arch); setTimeout(() => {}, 60000);" > global.mjs
echo "require('node:fs').writeFileSync('ready', require('node:process').arch); setTimeout(() => {}, 60000);" > requires.cjs
# A shell script whose two programs share its standard input, to which something is written in the end.
ask() {
  rm -f ready told
  mkfifo input
  sleep 20 > input & writer=$!
  exec 3< input
  node "$1" <&3 & service=$!
  until [ -s ready ]; do sleep 0.1; done
  { sleep 2; echo x > input; } & later=$!
  if dd bs=1 count=1 <&3 > told 2> errors; then echo 'waits for input'; else sed -n "s/^dd: error reading 'standard input': //p" errors; fi
  kill -9 "$service" "$writer"
  wait "$service" "$writer" "$later" 2> /dev/null || true
  exec 3<&-
  rm input
}
if [ "${1:-}" = asks ]; then
  echo "import { arch } from 'node:process': $(ask imports.mjs)"
  echo "the global process.arch: $(ask global.mjs)"
  echo "require('node:process').arch: $(ask requires.cjs)"
  exit
fi
expected="import { arch } from 'node:process': Resource temporarily unavailable
the global process.arch: waits for input
require('node:process').arch: waits for input"
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  found=$(npm exec --yes --package=node@$version -- sh "$script" asks)
  echo "$found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
