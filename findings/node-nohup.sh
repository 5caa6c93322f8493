#!/bin/sh
# Node: nohup has no effect on a node program
#
# nohup(1) starts a program with SIGHUP ignored, so that it outlives its terminal. Node resets, as it starts, each signal that is ignored (but
# SIGPIPE and SIGXFSZ) to the system's default, so a node program that was started with nohup ends at the first SIGHUP all the same. A program that
# keeps what it has inherited, as sleep(1), goes on. With setsid(1) there is no terminal that could send one.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   sleep: goes on
#   node:  ended by SIGHUP
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > hangup.mjs <<'JS'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
const fate = async (...command) => {
  const child = spawn("nohup", command, { stdio: ["ignore", "ignore", "ignore"] });
  const exit = once(child, "exit");
  await delay(2000);
  child.kill("SIGHUP");
  const [, signal] = await Promise.race([exit, delay(2000, [null, null])]);
  child.kill("SIGKILL");
  return signal === null ? "goes on" : `ended by ${signal}`;
};
const sleep = await fate("sleep", "60");
const node = await fate(process.execPath, "-e", "setTimeout(() => {}, 60000)");
console.log(`sleep: ${sleep}`);
console.log(`node:  ${node}`);
process.exit(sleep === "goes on" && node === "ended by SIGHUP" ? 0 : 1);
JS
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  npm exec --yes --package=node@$version -- node hangup.mjs
done
