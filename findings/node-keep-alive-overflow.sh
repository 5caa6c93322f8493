#!/bin/sh
# Node: with a `keepAliveTimeout` that is valid, but near the longest delay of a timer, each response prints a warning
#
# `http.Server#keepAliveTimeout` takes any integer. Node adds a buffer of a second to it before it sets the timer of the connection, and
# the sum may be more than a timer keeps (2147483647 ms). It is cut to that, which does no harm, but each response says so on standard error.
#
# Seen, of three responses on one connection:
#   node 20.20.2: 3 warnings
#   node 24.21.0: 3 warnings
#   node 26.10.0: 3 warnings
# Source: a program of three requests, below; `_http_server.js` (resOnFinish).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > kept.mjs <<'JS'
import http from 'node:http';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let warnings = 0;
process.on('warning', ({ name }) => (warnings += name === 'TimeoutOverflowWarning' ? 1 : 0));
const server = http.createServer({ keepAliveTimeout: 2 ** 31 - 1 }, (request, response) => response.end('ok'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
for (let count = 0; count < 3; count++) {
  await new Promise((resolve) => http.get({ port: server.address().port, agent }, (response) => response.resume().on('close', resolve)));
}
agent.destroy();
server.close();
setImmediate(() => console.log(`${warnings} warnings`));
JS
for version in 20.20.2 24.21.0 26.10.0; do
  seen=$(npm exec --yes --package=node@$version -- node --no-warnings kept.mjs)
  echo "node $version: $seen"
  [ "$seen" = '3 warnings' ]
done
