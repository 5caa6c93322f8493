#!/bin/sh
# Node 26.10: the inspector lists only half of Node's own scripts in a worker thread, so calls in the others have no name of a file
#
# A debugger, or a profiler that pauses a worker thread, gets the calls with the ids of their scripts, and looks for these in what `Debugger.scriptParsed` has listed. For Node's own
# scripts that gives `node:internal/streams/readable` and the like, in the main thread and, until 26.0, in each worker thread. In a thread of Node 26.10, those that Node has in its
# own snapshot are not listed, nor does the call have a URL. A tool that takes a call without a known script for code of the application (eval, new Function) is wrong there.
#
# Seen with Node 24.21.0, 26.0.0 and 26.10.0, of a program that keeps calling a method of a Readable:
#   24.21.0 and 26.0.0: main thread: listed; worker thread: listed
#   26.10.0:            main thread: listed; worker thread: not listed
# Source: the program below; https://chromedevtools.github.io/devtools-protocol/tot/Debugger/#event-scriptParsed
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > lists.mjs << 'END'
import { once } from 'node:events';
import { Session } from 'node:inspector';
import { Readable } from 'node:stream';
import { isMainThread, Worker } from 'node:worker_threads';

const SCRIPT = 'node:internal/streams/readable';
const readable = new Readable({ read() {} });
if (!isMainThread) {
  setInterval(() => readable.removeAllListeners('none'), 1);
} else {
  const session = new Session();
  session.connect();
  const said = (urls) => (urls.includes(SCRIPT) ? 'listed' : 'not listed');

  const own = [];
  session.on('Debugger.scriptParsed', ({ params }) => own.push(params.url));
  await new Promise((resolve) => session.post('Debugger.enable', resolve));

  await once(new Worker(new URL(import.meta.url)), 'online');
  const ofThread = [];
  await new Promise((resolve) => {
    session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) =>
      session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id: 1, method: 'Debugger.enable' }) }),
    );
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, method, params: script } = JSON.parse(params.message);
      if (method === 'Debugger.scriptParsed') ofThread.push(script.url);
      if (id === 1) resolve();
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
  console.log(`main thread: ${said(own)}; worker thread: ${said(ofThread)}`);
  process.exit();
}
END
check() {
  found=$(npm exec --yes --package=node@"$1" -- node lists.mjs)
  echo "$1: $found"
  [ "$found" = "$2" ] || { echo 'this has changed'; exit 1; }
}
check 24.21.0 'main thread: listed; worker thread: listed'
check 26.0.0 'main thread: listed; worker thread: listed'
check 26.10.0 'main thread: listed; worker thread: not listed'
