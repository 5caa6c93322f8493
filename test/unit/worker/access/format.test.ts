import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ANYWHERE, escaped, escapedWord, IN_VALUE, IN_WORD } from '../../../../build/worker/access/escape.js';
import { compileFormat as compile, type Facts } from '../../../../build/worker/access/format.js';
import { Line, MAX_LINE } from '../../../../build/worker/access/line.js';
import { parse } from '../../../helpers/access-log.js';

const HEADERS: Readonly<Record<string, string>> = {
  referer: 'http://a/"x"',
  'user-agent': 'curl/8\\',
  authorization: `Basic ${btoa('jo e:secret')}`,
};

function facts(some: Partial<Facts> = {}): Facts {
  return {
    ...{ client: '192.0.2.1', method: 'GET', url: '/a?b=c', version: '1.1', status: 200, bytes: 12 },
    ...{ aborted: false, duration: 1_234.5678, time: Date.UTC(2026, 10, 28, 23, 4, 33, 7), id: '' },
    header: (name) => HEADERS[name],
    sent: (name) => (name === 'content-type' ? 'text/plain' : undefined),
    ...some,
  };
}

/** What is written behind an earlier line, over other bytes. */
function written(say: (line: Line) => void): string {
  const bytes = new Uint8Array(2 * MAX_LINE).fill(7);
  const line = new Line(bytes);
  line.begin(100);
  say(line);
  const end = line.end();
  assert.deepEqual(
    [bytes[99], bytes[100 + MAX_LINE]],
    [7, 7],
    'nothing in front of it, or behind the longest, is touched',
  );
  return Buffer.from(bytes.subarray(100, end)).toString('latin1');
}

function compileFormat(format: string): (facts: Facts) => string {
  const write = compile(format);
  return (facts) => written((line) => write(facts, line));
}

test('the named formats are those of Apache', () => {
  const common =
    /^192\.0\.2\.1 - jo\\x20e \[2[89]\/Nov\/2026:\d\d:\d\d:33 [+-]\d{4}\] "GET \/a\?b=c HTTP\/1\.1" 200 12$/;
  assert.match(compileFormat('common')(facts()).trimEnd(), common);
  assert.match(compileFormat('combined')(facts()), /200 12 "http:\/\/a\/\\"x\\"" "curl\/8\\\\"\n$/);
});

test('each atom of Gunicorn', () => {
  const all =
    'h %(h)s l %(l)s u %(u)s r %(r)s m %(m)s U %(U)s q %(q)s H %(H)s s %(s)s B %(B)s b %(b)s T %(T)s D %(D)s M %(M)s L %(L)s 100%%';
  assert.equal(
    compileFormat(all)(facts({ bytes: 0 })),
    'h 192.0.2.1 l - u jo\\x20e r GET /a?b=c HTTP/1.1 m GET U /a q b=c H HTTP/1.1 s 200 B 0 b - T 1 D 1234568 M 1234 L 1.234568 100%\n',
  );
  process.env['ACCESS_TEST'] = 'here';
  const named = compileFormat(
    '%(p)s %({User-Agent}i)s %({x-none}i)s %({Content-Type}o)s %({ACCESS_TEST}e)s %(f)s %(a)s',
  );
  assert.equal(named(facts()), `<${process.pid}> curl/8\\\\ - text/plain here http://a/\\"x\\" curl/8\\\\\n`);
});

test('of a head that could not be read there is nothing to say', () => {
  const line = compileFormat('combined')(
    facts({ method: '', url: '', version: '', status: 400, bytes: 0, header: () => undefined }),
  );
  assert.match(line, /^192\.0\.2\.1 - - \[.*\] "-" 400 - "-" "-"\n$/);
});

test('JSON: numbers are numbers, and what is not there is left out', () => {
  const json = compileFormat('json');
  assert.deepEqual(JSON.parse(json(facts({ id: 'abc', aborted: true }))), {
    time: '2026-11-28T23:04:33.007Z',
    ...{ client: '192.0.2.1', user: 'jo e', method: 'GET', url: '/a?b=c', protocol: 'HTTP/1.1' },
    ...{
      status: 200,
      bytes: 12,
      duration: 1234.568,
      aborted: true,
      referer: 'http://a/"x"',
      agent: 'curl/8\\',
      id: 'abc',
      pid: process.pid,
    },
  });
  const least = JSON.parse(json(facts({ method: '', header: () => undefined })));
  assert.deepEqual(Object.keys(least), ['time', 'client', 'status', 'bytes', 'duration', 'pid']);
});

const wild = fc.string({ unit: 'binary', maxLength: 6_000 });

test('whatever a client sends, it is one line, in ASCII, not longer than is written at once, and can be taken apart', () => {
  const formats = ['combined', 'json'].map((format) => [format, compileFormat(format)] as const);
  const anything = fc.record({ method: wild, url: wild, agent: wild, referer: wild, user: wild });
  fc.assert(
    fc.property(anything, ({ method, url, agent, referer, user }) => {
      const values: Readonly<Record<string, string>> = {
        referer,
        'user-agent': agent,
        authorization: `Basic ${Buffer.from(`${user}:x`).toString('base64')}`,
      };
      for (const [format, make] of formats) {
        const line = make(facts({ method, url, header: (name) => values[name] }));
        assert.match(line, /^[\x20-\x7e]+\n$/);
        assert.ok(line.length <= MAX_LINE);
        if (format === 'json') assert.equal(JSON.parse(line).status, 200);
        else assert.equal(parse(line.slice(0, -1)).status, 200);
      }
    }),
    { numRuns: 300 },
  );
});

test('what is written byte by byte is what the escapes say', () => {
  const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 50 }), fc.stringMatching(/^[\x20-\x7e]{0,50}$/));
  fc.assert(
    fc.property(texts, texts, (first, second) => {
      for (const [harmless, safe] of [
        [IN_VALUE, escaped],
        [IN_WORD, escapedWord],
      ] as const) {
        const [isFirst, isSecond] = [first, second].map((text) => safe(text) === text);
        const line = written((line) => {
          assert.equal(line.put(first, harmless), isFirst);
          assert.equal(line.put(second, harmless), isSecond);
        });
        assert.equal(line, `${isFirst ? first : ''}${isSecond ? second : ''}\n`);
      }
    }),
  );
});

test('a line ends where it must, whatever comes last', () => {
  const lengths = fc.integer({ min: MAX_LINE - 40, max: MAX_LINE + 2 });
  const more = fc.array(fc.stringMatching(/^[a-z]{0,30}$/), { maxLength: 4 });
  fc.assert(
    fc.property(lengths, more, (length, texts) => {
      const whole = 'x'.repeat(length) + texts.join('');
      const text = written((line) => {
        for (const each of ['x'.repeat(length), ...texts]) assert.ok(line.put(each, ANYWHERE));
        assert.equal(line.isFull, whole.length > MAX_LINE - 1);
      });
      assert.equal(text, `${whole.slice(0, MAX_LINE - 1)}\n`);
    }),
  );
});

test('a short value comes back from JSON as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (agent) => {
      const line = compileFormat('json')(facts({ header: (name) => (name === 'user-agent' ? agent : undefined) }));
      assert.equal(JSON.parse(line).agent, agent);
    }),
  );
});
