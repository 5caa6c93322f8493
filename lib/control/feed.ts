/*
 * The events of the Arbiter: sent at once to the clients that listen at `/events`, and kept for those that come later.
 */
import type { ServerResponse } from 'node:http';
import { GUARDED } from './answer.js';
import type { Source } from './controlled.js';

/** How often the figures of `stats()` are sent while a client listens. Milliseconds. */
const INTERVAL = 1_000;
/**
 * How many errors, how many warnings, and how many other lines are kept. Each kind has its own room, so that no crash
 * is lost among warnings: a worker may report 300 slow requests a minute.
 */
const KEPT = 50;
/**
 * How large the lines of one kind may be together. A client that comes gets the three kinds at once: they must leave
 * room in its `BACKLOG` for what happens meanwhile. Bytes.
 */
const ROOM = 512 * 1024;
/**
 * How much may wait for a client to read it when there is more to tell it. A client with more is disconnected, and may
 * come again. Bytes.
 */
const BACKLOG = 2 * 1024 * 1024;
const MOST_CLIENTS = 16;

interface Kept {
  readonly line: string;
  readonly number: number;
  readonly size: number;
}

/** The last lines of one kind. */
class Kind {
  readonly lines: Kept[] = [];
  #size = 0;

  keep(line: string, number: number): void {
    const size = Buffer.byteLength(line);
    this.lines.push({ line, number, size });
    this.#size += size;
    while (this.lines.length > KEPT || this.#size > ROOM) this.#size -= this.lines.shift()?.size ?? 0;
  }
}

/**
 * Server-sent events: `history` for a client that comes, `stats` each second, `happened` for each line that the log
 * would have, and `bye` at the end.
 */
export class Feed {
  readonly #source: Source;
  readonly #clients = new Set<ServerResponse>();
  readonly #errors = new Kind();
  readonly #warnings = new Kind();
  readonly #others = new Kind();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(source: Source) {
    this.#source = source;
    source.observe(({ level, line }) => {
      if (this.#closed) return;
      const kind = level === 'error' ? this.#errors : level === 'warn' ? this.#warnings : this.#others;
      kind.keep(line, ++this.#count);
      this.#tell('happened', line);
    });
  }

  /** The lines that are kept, the oldest first. */
  get history(): readonly string[] {
    const all = [this.#errors, this.#warnings, this.#others].flatMap(({ lines }) => lines);
    return all.sort((a, b) => a.number - b.number).map(({ line }) => line);
  }

  /** Whether there is no room for another client. */
  get full(): boolean {
    return this.#clients.size >= MOST_CLIENTS;
  }

  /** Sends a client what is kept, and from then on each event as it happens. */
  follow(response: ServerResponse): void {
    response.writeHead(200, { ...GUARDED, 'Content-Type': 'text/event-stream' });
    this.#clients.add(response);
    response.once('close', () => {
      this.#clients.delete(response);
      if (this.#clients.size === 0) this.#rest();
    });
    this.#send(response, `retry: 1000\n\nevent: history\ndata: [${this.history.join(',')}]\n\n`);
    this.#send(response, event('stats', this.#figures()));
    this.#timer ??= setInterval(() => this.#tell('stats', this.#figures()), INTERVAL).unref();
  }

  close(): void {
    this.#closed = true;
    this.#rest();
    for (const client of this.#clients) client.end(event('bye', '{}'));
  }

  #figures(): string {
    return JSON.stringify(this.#source.arbiter.stats());
  }

  #tell(name: string, data: string): void {
    for (const client of this.#clients) this.#send(client, event(name, data));
  }

  #send(client: ServerResponse, text: string): void {
    // What is sent now does not count: the figures of very many workers alone may be more than that.
    if (client.writableLength > BACKLOG) client.destroy();
    else client.write(text);
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** One server-sent event. The data must be on one line: `JSON.stringify()` writes no line breaks. */
function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}
