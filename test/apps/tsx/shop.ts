// shop.ts
import type { IncomingMessage, ServerResponse } from 'node:http';

// Node alone would refuse this: code has to be made of it.
enum Kind {
  Pen = 'pen',
  Book = 'book',
}

export default (request: IncomingMessage, response: ServerResponse): void => {
  const kind = request.url === '/book' ? Kind.Book : Kind.Pen;
  response.end(`sold: ${kind}\n`);
};
