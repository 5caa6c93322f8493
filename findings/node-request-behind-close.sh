#!/bin/sh
# Node's http.Server: a request behind an answer that says `Connection: close` is still handled, and its answer is dropped
#
# A server has sent the head of an answer with `Connection: close`, and is still writing its body. A second request that the client sends on that
# connection now is parsed, and the handler is called for it: it may charge, store or mail something. What it answers is written to nobody, since the
# connection ends with the first answer, so the client must believe that the request was not processed, and may send it again elsewhere. RFC 9112, 9.6
# forbids it: who has said `close` processes nothing more of that connection.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   handled: /first /second
#   answered: 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > behind.mjs <<'JS'
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
const handled = [];
let second;
const came = new Promise((resolve) => { second = resolve; });
const server = http.createServer(async (request, response) => {
  handled.push(request.url);
  if (request.url === "/second") {
    second();
    response.end("never seen");
    return;
  }
  response.writeHead(200, { Connection: "close" });
  response.write("one ");
  await Promise.race([came, new Promise((resolve) => setTimeout(resolve, 2000))]);
  response.end("two");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const client = net.connect(server.address().port, "127.0.0.1");
let all = "";
let sent = false;
client.setEncoding("latin1").on("data", (text) => {
  all += text;
  if (sent || !all.includes("Connection: close")) return;
  sent = true;
  client.write("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
});
client.on("error", () => undefined);
client.write("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
await once(client, "close");
const answered = all.split("HTTP/1.1 200").length - 1;
console.log(`handled: ${handled.join(" ")}`);
console.log(`answered: ${answered}`);
process.exit(handled.length === 2 && answered === 1 ? 0 : 1);
JS
for version in 20.20.2 24.21.0 26.10.0; do
  echo "node $version"
  npm exec --yes --package=node@$version -- node behind.mjs
done
