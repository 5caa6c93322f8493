/* Answers that come before the request has been read, through real proxies. A proxy turns a reset into a 502. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { sharing } from '../helpers/shared.js';
import { uploads } from '../helpers/uploader.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const BYTES = 3_000_000;
const [REFUSED, FAILED] = amount({ suite: [12, 4], long: [400, 100] } as const);

interface Proxy {
  readonly program: string;
  /** Returns the arguments, and writes what the program needs into its folder. */
  readonly set: (folder: string, port: number, to: string) => string[];
}

/** nginx with its defaults, but without a limit for bodies, which would give an answer of its own. */
function nginx(more: string): Proxy {
  return {
    program: 'nginx',
    set: (folder, port, to) => {
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
      writeFileSync(
        join(folder, 'conf'),
        `daemon off; master_process off; pid ${folder}/pid; error_log stderr error; events {}
         http { access_log off; client_max_body_size 0; ${temporary}
           server { listen 127.0.0.1:${port}; location / { proxy_pass http://${to}; ${more} } } }`,
      );
      return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'conf')];
    },
  };
}

const haproxy: Proxy = {
  program: 'haproxy',
  set: (folder, port, to) => {
    const file = join(folder, 'conf');
    const timeouts = 'timeout connect 10s\n  timeout client 60s\n  timeout server 60s';
    writeFileSync(
      file,
      `defaults\n  mode http\n  ${timeouts}\nlisten early\n  bind 127.0.0.1:${port}\n  server prefork ${to}\n`,
    );
    return ['-db', '-f', file];
  },
};

const PROXIES: Readonly<Record<string, Proxy>> = {
  nginx: nginx(''),
  'nginx that does not buffer': nginx('proxy_request_buffering off; proxy_http_version 1.1;'),
  haproxy,
};

async function start(t: TestContext, { program, set }: Proxy, host: string): Promise<{ url: string; log: Program }> {
  const [folder, port] = [temporaryFolder(t), await freePort(t)];
  const log = new Program(t, program, set(folder, port, new URL(host).host));
  const url = `http://127.0.0.1:${port}`;
  const answers = (): Promise<boolean> =>
    get(`${url}/ok`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await eventually(answers, () => `an answer through ${program}\n${log.output}`);
  return { url, log };
}

for (const [name, proxy] of Object.entries(PROXIES)) {
  const skip = spawnSync(proxy.program, ['-v']).error !== undefined && `${proxy.program} is not installed`;
  for (const workerClass of CLASSES) {
    test(`early_answers_arrive: through ${name}, ${workerClass}`, { skip }, async (t) => {
      const host = await sharing(t, { workers: 2, workerClass, app: fixture('early.js') });
      const { url, log } = await start(t, proxy, await host.ready());
      const order = { url, bytes: BYTES, headers: { Connection: 'close' } };
      const seen = [await uploads(REFUSED, order), await uploads(FAILED, { ...order, path: '/throw' })];
      assert.deepEqual(seen, [{ '413 FIN': REFUSED }, { '500 FIN': FAILED }], log.output);
    });
  }
}
