#!/bin/sh
# Node: a thread that a debugger has paused goes on at Debugger.disable, and keeps what its calls could see at the pause
#
# A tool that wants to know what a worker thread is doing pauses it (Debugger.enable, Debugger.pause), notes the calls, and lets it go. Debugger.disable seems to do for that: the thread goes on, and
# is debugged no more. But what was in the scope of the calls stays in the memory of the thread after each such look, and is not collected. With Debugger.resume before
# Debugger.disable it is.
#
# Seen with Node 20.20.2 and 24.21.0, of a thread whose calls have 80 KB of numbers in their scope each time, 200 looks:
#   Debugger.disable alone: its heap has grown by megabytes
#   Debugger.resume, then Debugger.disable: it has not
# Source: the program below; https://chromedevtools.github.io/devtools-protocol/v8/Debugger/
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > works.cjs << 'END'
const { parentPort } = require('node:worker_threads');
const signal = new Int32Array(new SharedArrayBuffer(4));
parentPort.on('message', () => {
  gc();
  parentPort.postMessage(process.memoryUsage().heapUsed);
});
setInterval(() => {
  const numbers = Array.from({ length: 10_000 }, (_, index) => index + 0.5);
  Atomics.wait(signal, 0, 0, 20);
  globalThis.last = numbers[3];
}, 25);
END
cat > looks.mjs << 'END'
import { once } from 'node:events';
import { Session } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const thread = new Worker(new URL('./works.cjs', import.meta.url));
await once(thread, 'online');
async function heap() {
  thread.postMessage('');
  return (await once(thread, 'message'))[0];
}
/** Pauses the thread, and lets it go by these commands. */
async function look(commands) {
  const session = new Session();
  session.connect();
  await new Promise((resolve) => {
    let sessionId;
    const send = (method, id) => session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method }) });
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      sessionId = params.sessionId;
      send('Debugger.enable', 1);
      send('Debugger.pause', 2);
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { method, id } = JSON.parse(params.message);
      if (method === 'Debugger.paused') commands.forEach((command, index) => send(command, 10 + index));
      if (id === 9 + commands.length) resolve();
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
  session.disconnect();
  await delay(10);
}
const commands = process.argv.slice(2);
for (let count = 0; count < 30; count++) await look(commands);
const before = await heap();
for (let count = 0; count < 200; count++) await look(commands);
const grown = ((await heap()) - before) / 2 ** 20;
console.log(grown > 4 ? 'its heap has grown by megabytes' : grown < 2 ? 'it has not' : `it has grown by ${grown} MB`);
process.exit();
END
expected='Debugger.disable alone: its heap has grown by megabytes
Debugger.resume, then Debugger.disable: it has not'
for version in 20.20.2 24.21.0; do
  echo "node $version"
  run() { npm exec --yes --package=node@$version -- node --expose-gc looks.mjs "$@"; }
  found="Debugger.disable alone: $(run Debugger.disable)
Debugger.resume, then Debugger.disable: $(run Debugger.resume Debugger.disable)"
  echo "$found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
