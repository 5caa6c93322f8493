#!/bin/sh
# Node 20 and 22: what a request handler sets by AsyncLocalStorage's enterWith() is there in the next request of the same kept connection
#
# A handler that has found out who asks says so once: store.enterWith(user), with no callback to wrap, and reads store.getStore() in what it calls. Each request has an async
# resource of its own, so one would expect the next one to begin without a store. But the handler is called in the context of the connection's parser, and that keeps what was entered: the
# next request of the connection begins as the user of the one before. Where a proxy keeps connections, that is somebody else. With run() nothing is left behind.
#
# Seen: five requests one behind the other, on one connection, so many began with a store: Node 20.20.2 and 22.23.3: 4 with enterWith(), 0 with run(); 24.21.0 and 26.10.0: 0 and 0
# Source: nodejs/node#41978; and the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.mjs <<'EOF'
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http from 'node:http';
const store = new AsyncLocalStorage();
const server = http.createServer((request, response) => {
  const found = String(store.getStore() !== undefined);
  if (process.argv[2] === 'run') store.run(request.url, () => response.end(found));
  else {
    store.enterWith(request.url);
    response.end(found);
  }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let began = 0;
for (let count = 0; count < 5; count++) {
  const [response] = await once(http.get({ port: server.address().port, host: '127.0.0.1', path: `/${count}`, agent }), 'response');
  const [text] = await response.toArray();
  if (String(text) === 'true') began++;
}
console.log(began);
agent.destroy();
server.close();
EOF
for pair in 20.20.2:4:0 22.23.3:4:0 24.21.0:0:0 26.10.0:0:0; do
  version=${pair%%:*}
  node="npm exec --yes --package=node@$version -- node"
  found="$($node main.mjs):$($node main.mjs run)"
  echo "node $version: $found (enterWith():run())"
  [ "$version:$found" = "$pair" ] || { echo 'this has changed'; exit 1; }
done
