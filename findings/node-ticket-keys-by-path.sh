#!/bin/sh
# Node: two TLS servers with the same ticketKeys and certificate take each other's tickets only if their command lines are equal
#
# `ticketKeys` is documented as what several servers share to resume each other's sessions. But a session also belongs to a `sessionIdContext`, whose
# default is a hash of process.argv: a server at another path, as after a deploy to a folder with a new name, or with another argument, does a full
# handshake for each ticket of the first, and nothing tells of it. With a sessionIdContext of one's own it resumes them.
#
# Seen, TLS 1.3, a session of a server that was started as first.mjs:
#   node 20.20.2: first.mjs again true, second.mjs false, second.mjs with a sessionIdContext in both true
#   node 24.21.0: first.mjs again true, second.mjs false, second.mjs with a sessionIdContext in both true
#   node 26.10.0: first.mjs again true, second.mjs false, second.mjs with a sessionIdContext in both true
# Source: two copies of one program, below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund selfsigned@2.4.1 > /dev/null
cat > first.mjs <<'JS'
import tls from 'node:tls';
import { readFileSync } from 'node:fs';
const { key, cert, ticketKeys, sessionIdContext } = JSON.parse(readFileSync(0, 'utf8'));
const options = { key, cert, ticketKeys: Buffer.from(ticketKeys, 'hex'), ...(sessionIdContext && { sessionIdContext }) };
const server = tls.createServer(options, (socket) => socket.end('x').on('error', () => {}));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
cp first.mjs second.mjs
cat > client.mjs <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import tls from 'node:tls';
import selfsigned from 'selfsigned';
const { private: key, cert } = selfsigned.generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
const ticketKeys = randomBytes(48).toString('hex');
async function start(script, sessionIdContext) {
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ key, cert, ticketKeys, sessionIdContext }));
  const [port] = await once(child.stdout, 'data');
  return { port: Number(port), end: () => child.kill() };
}
async function connect(port, session) {
  const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost', minVersion: 'TLSv1.3', session });
  let ticket;
  let reused;
  socket.on('session', (given) => (ticket = given)).on('secureConnect', () => (reused = socket.isSessionReused()));
  await once(socket.resume(), 'close');
  return { ticket, reused };
}
async function resumed(script, context) {
  const one = await start('first.mjs', context);
  const other = await start(script, context);
  const { ticket } = await connect(one.port);
  const { reused } = await connect(other.port, ticket);
  one.end();
  other.end();
  return reused;
}
const seen = [`first.mjs again ${await resumed('first.mjs')}`, `second.mjs ${await resumed('second.mjs')}`];
seen.push(`second.mjs with a sessionIdContext in both ${await resumed('second.mjs', 'one name')}`);
console.log(seen.join(', '));
JS
for version in 20.20.2 24.21.0 26.10.0; do
  seen=$(npm exec --yes --package=node@$version -- node client.mjs)
  echo "node $version: $seen"
  [ "$seen" = 'first.mjs again true, second.mjs false, second.mjs with a sessionIdContext in both true' ]
done
