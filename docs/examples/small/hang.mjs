// A regular expression takes longer with each further word of its input, and in the end for ever. The client gets a
// 504, the log gets the stack, and all other clients are served.
import { Arbiter } from 'prefork';

const isListOfTags = (text) => /^(\w+,?\s?)*$/.test(text);

function app(request, response) {
  const tags = new URL(request.url, 'http://localhost').searchParams.get('tags') ?? '';
  response.end(isListOfTags(tags) ? 'tags\n' : 'no tags\n');
}

await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000', workers: 2, timeout: 1_000 }).run();
