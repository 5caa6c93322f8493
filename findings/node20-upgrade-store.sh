#!/bin/sh
# Node 20: what an 'upgrade' listener sets by AsyncLocalStorage#enterWith is there in the upgrade of another connection
#
# In a 'request' listener, enterWith() reaches later requests of the same connection at most. An 'upgrade' listener of Node 20 runs in the
# context of the HTTP parser, which is reused for connections that come later: their listeners find the store of the one before.
# AsyncLocalStorage#run is not concerned. Node 24 keeps contexts otherwise.
#
# Seen, of three upgrades one after the other:
#   node 20.20.2: found nothing, /1, /2
#   node 24.21.0: found nothing, nothing, nothing
# Source: a program of three upgrades, below; `_http_server.js` of Node 20 (onParserExecuteCommon).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > upgrades.mjs <<'JS'
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import { connect } from 'node:net';
const storage = new AsyncLocalStorage();
const found = [];
const server = createServer().on('upgrade', ({ url }, socket) => {
  found.push(storage.getStore() ?? 'nothing');
  storage.enterWith(url);
  socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
for (const id of [1, 2, 3]) {
  await new Promise((resolve) => {
    const client = connect(server.address().port, '127.0.0.1', () =>
      client.write(`GET /${id} HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n`));
    client.resume().on('close', resolve);
  });
}
server.close();
console.log(found.join(', '));
JS
old=$(npm exec --yes --package=node@20.20.2 -- node upgrades.mjs)
new=$(npm exec --yes --package=node@24.21.0 -- node upgrades.mjs)
echo "node 20.20.2: found $old"
echo "node 24.21.0: found $new"
case "$old" in *'/'*) ;; *) exit 1 ;; esac
[ "$new" = 'nothing, nothing, nothing' ]
