#!/bin/sh
# Node's http.Server: bytes behind a request with an ignored upgrade are lost
#
# A request with `Connection: Upgrade` that no 'upgrade' listener takes is served as a plain request, and the connection is kept. What
# the client had sent behind it in the same packet is dropped without an answer or an error: the second request below waits until the
# connection is closed. Without the two upgrade headers both are answered.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   with upgrade headers: 1 of 2 answered
#   without:              2 of 2 answered
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > behind.mjs <<'JS'
import http from "node:http";
import net from "node:net";
const server = http.createServer((request, response) => response.end("ok"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address();
const ask = (headers) => new Promise((resolve) => {
  let all = "";
  const client = net.connect(port, "127.0.0.1", () => {
    const get = `GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
    client.write(get + get);
  });
  client.setEncoding("latin1").on("data", (text) => { all += text; });
  setTimeout(() => { client.destroy(); resolve(all.split("HTTP/1.1 200").length - 1); }, 1000);
});
const upgrading = await ask("Connection: Upgrade\r\nUpgrade: h2c\r\n");
const plain = await ask("");
console.log(`with upgrade headers: ${upgrading} of 2 answered`);
console.log(`without:              ${plain} of 2 answered`);
process.exit(upgrading === 1 && plain === 2 ? 0 : 1);
JS
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  npm exec --yes --package=node@$version -- node behind.mjs
done
