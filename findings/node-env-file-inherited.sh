#!/bin/sh
# Node: a child that is forked after an env file was edited has the new variables of it, and the old values of the others
#
# `--env-file` leaves alone what is in the environment. fork() and cluster hand on both, the environment and the flag, so the child reads the
# file again, and finds all that its parent had from it "in the environment". It runs with a state of the file that never was.
#
# Seen, with a file of PAINT=red that is replaced by PAINT=blue and SHAPE=round:
#   node 20.20.2: parent red undefined, child red round
#   node 24.21.0: parent red undefined, child red round
#   node 26.10.0: parent red undefined, child red round
# Source: a program that forks itself, below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > parent.mjs <<'JS'
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const show = (who) => `${who} ${process.env.PAINT} ${process.env.SHAPE}`;
if (process.argv[2] === 'child') {
  process.stdout.write(show('child'));
} else {
  process.stdout.write(`${show('parent')}, `);
  writeFileSync('.env', 'PAINT=blue\nSHAPE=round\n');
  fork('parent.mjs', ['child']);
}
JS
for version in 20.20.2 24.21.0 26.10.0; do
  printf 'PAINT=red\n' > .env
  seen=$(npm exec --yes --package=node@$version -- node --env-file=.env parent.mjs)
  echo "node $version: $seen"
  [ "$seen" = 'parent red undefined, child red round' ]
done
