#!/bin/sh
# Node: any --import flag, even of an empty file, makes void what a -r hook has taught require() about the entry script
#
# A service in TypeScript is started with `node -r esbuild-register server.ts` (ts-node/register, @swc-node/register are the same): the hook has the loader of CommonJS compile
# what ends with .ts. Somebody adds `--import ./instrument.mjs`, as guides to tracing say. One would expect both to be loaded before the script, and the script as before.
# But where any --import is given, Node loads the entry script by its loader of ES modules, which does not ask the hook: Node 20 knows no such extension, and Node 22 and 24 take
# the types away themselves, so that what is more than types (an enum) is a syntax error. With `-r` instead of `--import`, also of an ES module, all is as before.
#
# Seen with esbuild-register 3.6.0, esbuild 0.28.0, on Node 20.20.2, 22.23.3, 24.21.0: -r alone: x. With --import: ERR_UNKNOWN_FILE_EXTENSION (20), ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX
# (22, 24). With -r of the same empty file: x.
# Source: the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' > package.json
npm install --silent --no-audit --no-fund esbuild-register@3.6.0 esbuild@0.28.0 > /dev/null
echo 'export {};' > empty.mjs
printf "enum A { X = 'x' }\nconsole.log(A.X);\n" > server.ts
first() { "$@" 2>&1 | grep -oE '^x$|ERR_[A-Z_]+' | head -1; }
for pair in 20.20.2:ERR_UNKNOWN_FILE_EXTENSION 22.23.3:ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX 24.21.0:ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX; do
  version=${pair%%:*}
  node="npm exec --yes --package=node@$version -- node"
  found="$(first $node -r esbuild-register server.ts) $(first $node --import ./empty.mjs -r esbuild-register server.ts) $(first $node -r ./empty.mjs -r esbuild-register server.ts)"
  echo "node $version: $found"
  [ "$found" = "x ${pair#*:} x" ] || { echo 'this has changed'; exit 1; }
done
