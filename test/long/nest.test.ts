/*
 * Runs an unchanged script of NestJS under `prefork run`. The test installs Nest, 90 packages, in a folder of its own.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { prefork, readyAt, survivesReload } from '../helpers/command.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { npm } from '../helpers/project.js';

const PACKAGES = [
  ...['@nestjs/core@11', '@nestjs/common@11', '@nestjs/platform-express@11', '@nestjs/platform-fastify@11'],
  ...['reflect-metadata', 'rxjs'],
];

/** A NestJS application, with its decorators as the compiler of Nest would write them. */
const SCRIPT = `require('reflect-metadata');
const { NestFactory } = require('@nestjs/core');
const { Controller, Get, Module } = require('@nestjs/common');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const version = require('node:fs').readFileSync(process.env.VERSION_FILE, 'utf8');
class AppController {
  index() { return 'nest ' + version; }
}
Get()(AppController.prototype, 'index', Object.getOwnPropertyDescriptor(AppController.prototype, 'index'));
Controller()(AppController);
class AppModule {}
Module({ controllers: [AppController] })(AppModule);
(async () => {
  const adapter = process.argv[2] === 'fastify' ? [new FastifyAdapter()] : [];
  const app = await NestFactory.create(AppModule, ...adapter, { logger: false });
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
  console.log('nest serves ' + (await app.getUrl()));
})();
`;

test('run_unchanged: NestJS, on Express and on Fastify, reloaded under load', async (t) => {
  const folder = join(temporaryFolder(t), 'nest');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(folder, 'install', ...PACKAGES);
  writeFileSync(join(folder, 'server.js'), SCRIPT);
  for (const adapter of ['express', 'fastify']) {
    const file = join(folder, 'version');
    writeFileSync(file, 'one');
    const args = ['-w', '4', '--surge', '4', '-b', '127.0.0.1:0', 'run', 'server.js', adapter];
    const program = prefork(t, args, { cwd: folder, env: { VERSION_FILE: file } });
    const url = await readyAt(program);
    assert.equal((await get(url)).body, 'nest one');
    assert.match(program.output, /nest serves http/);
    writeFileSync(file, 'two');
    await survivesReload(t, program, url, /^nest two$/);
    assert.doesNotMatch(program.output, /"level":"(?:warn|error)"/);
  }
});
