#!/bin/sh
# Node: server.setSecureContext() replaces the keys that server.setTicketKeys() has set by random ones
#
# A server that renews its certificate while it runs calls setSecureContext(). What was given by setTicketKeys() before is silently gone, so tickets
# that all other processes take, this one does not; getTicketKeys() shows it. Set them again behind each setSecureContext(), or give `ticketKeys` to both
# createServer() and setSecureContext().
#
# Seen:
#   node 20.20.2: set true, after setSecureContext false, with ticketKeys in its options true
#   node 24.21.0: set true, after setSecureContext false, with ticketKeys in its options true
#   node 26.10.0: set true, after setSecureContext false, with ticketKeys in its options true
# Source: the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund selfsigned@2.4.1 > /dev/null
cat > keys.mjs <<'JS'
import { randomBytes } from 'node:crypto';
import tls from 'node:tls';
import selfsigned from 'selfsigned';
const { private: key, cert } = selfsigned.generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
const keys = randomBytes(48);
const server = tls.createServer({ key, cert });
const has = () => server.getTicketKeys().equals(keys);
server.setTicketKeys(keys);
const seen = [`set ${has()}`];
server.setSecureContext({ key, cert });
seen.push(`after setSecureContext ${has()}`);
server.setSecureContext({ key, cert, ticketKeys: keys });
seen.push(`with ticketKeys in its options ${has()}`);
console.log(seen.join(', '));
JS
for version in 20.20.2 24.21.0 26.10.0; do
  seen=$(npm exec --yes --package=node@$version -- node keys.mjs)
  echo "node $version: $seen"
  [ "$seen" = 'set true, after setSecureContext false, with ticketKeys in its options true' ]
done
