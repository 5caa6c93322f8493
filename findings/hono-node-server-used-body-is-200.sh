#!/bin/sh
# @hono/node-server: a Response whose body has been read already is no error but a 200 with the text of the error as its body
#
# Who logs what an upstream has said, and hands the same body on, has read it. Node's own Response refuses such a body in its constructor ("Body is unusable", or "locked").
# The adapter puts a lighter class in the place of the global one, which takes it; the head goes out with all headers of the application, and then the failure is
# written behind it as the end of a whole answer, which caches and clients take for one. errorHandler and onError are not asked.
#
# Seen, @hono/node-server 2.1.8 on node 20.20.2:
#   node: TypeError
#   adapter: 200 "Error: ReadableStream is locked."
# Source: the program below; handleResponseError in the package's dist/index.mjs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @hono/node-server@2.1.8 hono@4.13.19 > /dev/null
cat > relays.mjs <<'JS'
import { once } from 'node:events';
import http from 'node:http';

async function relay() {
  const upstream = new Response('{"from":"upstream"}');
  await upstream.text();
  return new Response(upstream.body, { headers: { 'Content-Type': 'application/json' } });
}

await relay().then(
  () => console.log('node: a Response'),
  (error) => console.log(`node: ${error.name}`),
);
const { getRequestListener } = await import('@hono/node-server');
const server = http.createServer(getRequestListener(relay)).listen(0, '127.0.0.1');
await once(server, 'listening');
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
console.log(`adapter: ${answer.status} ${JSON.stringify(await answer.text())}`);
server.close();
JS
found=$(node relays.mjs 2>/dev/null)
echo "$found"
expected='node: TypeError
adapter: 200 "Error: ReadableStream is locked."'
[ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
