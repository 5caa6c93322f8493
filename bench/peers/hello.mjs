/* The application of every Node peer. */
export default (_request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end('hello\n');
};
