#!/bin/sh
# Node: in a thread of a cluster worker, cluster.isPrimary is true and cluster.isWorker is false
#
# A script that begins with "if (cluster.isPrimary) cluster.fork()", and whose workers run it in a thread (new Worker(new URL(import.meta.url)), or a library that does so), expects
# its threads to be part of the worker. But what tells a worker is a variable of the environment that Node takes away as the process begins, and a thread gets a copy of what is left. So each
# thread takes itself for the primary, and would fork workers, which have such a thread too.
#
# Seen: a primary with one worker, each of which has a thread that only says what it is. Node 20.20.2, 22.23.3, 24.21.0 and 26.10.0:
#   worker, main thread: isPrimary false, isWorker true
#   worker, thread: isPrimary true, isWorker false
# Source: nodejs.org/api/cluster.html#clusterisprimary; and the program below, which forks in a main thread only.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.mjs <<'EOF'
import cluster from 'node:cluster';
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
const where = isMainThread ? 'main thread' : 'thread';
const { isPrimary, isWorker } = cluster;
if (isMainThread && isPrimary) await once(cluster.fork(), 'exit');
else console.log(`worker, ${where}: isPrimary ${isPrimary}, isWorker ${isWorker}`);
if (isMainThread && isWorker) {
  await once(new Worker(new URL(import.meta.url)), 'exit');
  process.disconnect();
}
EOF
for version in 20.20.2 22.23.3 24.21.0 26.10.0; do
  npm exec --yes --package=node@$version -- node main.mjs > out
  echo "node $version"
  cat out
  printf 'worker, main thread: isPrimary false, isWorker true\nworker, thread: isPrimary true, isWorker false\n' | cmp -s - out || { echo 'this has changed'; exit 1; }
done
