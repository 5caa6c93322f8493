// The application that is deployed. It answers a GET with the version, and a POST with the number of its bytes.
const version = process.env.VERSION ?? '1';

export default async function app(request, response) {
  if (request.method !== 'POST') return response.end(`${process.pid} of version ${version}\n`);
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(`${bytes}\n`);
}
