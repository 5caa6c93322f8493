#!/bin/sh
# Node: a module that waits for ever at its top level ends the process with 0 and without a word, when it was loaded by import()
#
# The documentation has an exit code for "a top-level await" that never settles, 13, and newer versions print where it stands. That is so of the main module, and of what it imports.
# Loaders of applications, plugins and tests use import(): then nothing is printed, the promise stays pending, and the process ends with 0 as if all had been done. A loader
# that wants to tell notes 'beforeExit', which process.exit() does not emit.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   main module 13, by import() 0 and no output
# Source: the program below; https://nodejs.org/api/process.html#exit-codes; https://github.com/nodejs/node/issues/39665 (the code and the warning, of main modules)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo 'await new Promise(() => {});' > waits.mjs
echo "import('./waits.mjs').then(() => console.log('loaded'), () => console.log('failed'));" > loads.cjs
expected='main module 13, by import() 0 and no output'
for version in 20.20.2 24.21.0 26.10.0; do
  run() { npm exec --yes --package=node@$version -- node "$1" > "$1.out" 2>&1 && echo 0 || echo $?; }
  main=$(run waits.mjs)
  imported=$(run loads.cjs)
  [ -s loads.cjs.out ] && output='output' || output='no output'
  found="main module $main, by import() $imported and $output"
  echo "node $version: $found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
