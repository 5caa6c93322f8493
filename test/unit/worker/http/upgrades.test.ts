import assert from 'node:assert/strict';
import http, { type IncomingMessage } from 'node:http';
import test from 'node:test';
import { isForApplication, isWebSocket } from '../../../../build/worker/http/upgrades.js';

const request = (upgrade?: string): IncomingMessage =>
  Object.assign(Object.create(http.IncomingMessage.prototype), { headers: upgrade === undefined ? {} : { upgrade } });

const TOKENS: readonly (readonly [upgrade: string | undefined, forApplication: boolean, webSocket: boolean])[] = [
  ['websocket', true, true],
  ['WebSocket', true, true],
  ['h2c, websocket', true, true],
  ['echo', true, false],
  ['echo/2', true, false],
  ['h2c', false, false],
  ['H2C', false, false],
  ['h2', false, false],
  ['HTTP/2.0', false, false],
  ['HTTP/3.0, h2c', false, false],
  ['TLS/1.0', false, false],
  ['h2c,', false, false],
  ['', false, false],
  [undefined, false, false],
];

for (const [upgrade, forApplication, webSocket] of TOKENS) {
  test(`whose an upgrade is: ${upgrade}`, () => {
    assert.deepEqual([isForApplication(request(upgrade)), isWebSocket(request(upgrade))], [forApplication, webSocket]);
  });
}
