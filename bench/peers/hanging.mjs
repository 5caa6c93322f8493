/* Like hello.mjs, but `/spin` never comes to its end. */
export default (request, response) => {
  if (request.url === '/spin') for (;;);
  response.setHeader('Content-Type', 'text/plain');
  response.end('hello\n');
};
