import { connect } from 'node:net';

/** Why an exchange failed; `received` is how many bytes of the answer had come. */
export class ExchangeError extends Error {
  constructor(reason, received) {
    super(`${reason} after ${received} bytes`);
    this.received = received;
  }
}

/** A raw connection that sends one request after the other. It is cheaper than `http.request`, and sees every byte. */
export class Connection {
  #socket;
  #text = '';
  #pending;
  #failure;
  #usable = true;

  /**
   * @param {number} port
   * @param {string} [localAddress] each address has about 28,000 ports for outgoing connections
   */
  constructor(port, localAddress) {
    this.#socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
      .setEncoding('latin1')
      .on('data', (text) => this.#receive(text))
      .on('end', () => {
        this.#usable = false;
      })
      .on('error', (error) => {
        this.#failure = error.code ?? error.message;
      })
      .on('close', () => this.#fail(this.#failure ?? 'closed'));
  }

  /** Whether another request may be sent, as far as this side knows: a close by the server may be under way. */
  get usable() {
    return this.#usable;
  }

  /**
   * @param {string} path
   * @param {'keep-alive' | 'close'} connection the header
   * @returns {Promise<string>} the body; rejects with an {@link ExchangeError}
   */
  ask(path, connection) {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#text = '';
      if (!this.#usable) return this.#fail(this.#failure ?? 'closed');
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`);
    });
  }

  destroy() {
    this.#usable = false;
    this.#socket.destroy();
  }

  #receive(text) {
    this.#text += text;
    const start = this.#text.indexOf('\r\n\r\n') + 4;
    if (start < 4) return;
    const head = this.#text.slice(0, start);
    const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (this.#text.length < start + length) return;
    if (!head.startsWith('HTTP/1.1 200 ') || this.#text.length !== start + length) {
      this.destroy();
      return this.#fail(`unexpected answer '${head.slice(0, head.indexOf('\r'))}'`);
    }
    if (/\nconnection: *close/i.test(head)) this.#usable = false;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(this.#text.slice(start));
  }

  #fail(reason) {
    this.#usable = false;
    this.#pending?.reject(new ExchangeError(reason, this.#text.length));
    this.#pending = undefined;
  }
}
