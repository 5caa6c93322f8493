/* Like hello.mjs, but the handler of `/spin` never returns. */
export default (request, response) => {
  if (request.url === '/spin') for (;;);
  response.setHeader('Content-Type', 'text/plain');
  response.end('hello\n');
};
