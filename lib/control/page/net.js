/* All requests of the page. They go to its own server and to no other. */

const KEY = 'prefork-token';

/** The address may have the token behind its #, which browsers do not send. It is removed from the address at once. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, '', location.pathname);
}
takeToken();

export const keepToken = (token) => sessionStorage.setItem(KEY, token);

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Tells the master to do something. Rejects with the error that it answers, and the causes of that. */
export async function tell(path) {
  const response = await fetch(path, { method: 'POST', headers: headers() });
  const body = await response.json();
  if (response.ok) return body;
  const lines = [];
  for (let { error } = body; error; error = error.cause) lines.push(error.message);
  throw new Error(lines.join('\ncaused by: '));
}

/** How long to wait before the next attempt to listen. Milliseconds. */
const AGAIN = 1000;

/**
 * Calls `onEvent` with each event for as long as the page is open. `onLink` gets the state of the connection: `live`,
 * `lost`, or `locked` where the token is missing or wrong.
 */
export async function listen(onEvent, onLink) {
  for (;;) {
    try {
      const response = await fetch('/events', { headers: headers() });
      if (response.status === 401) {
        await onLink('locked');
        continue;
      }
      if (!response.ok) throw new Error(String(response.status));
      onLink('live');
      await read(response.body.pipeThrough(new TextDecoderStream()).getReader(), onEvent);
    } catch {
      // The master has ended, or another process takes its place.
    }
    onLink('lost');
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

async function read(reader, onEvent) {
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop();
    for (const part of parts) {
      const fields = new Map(
        part.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
      );
      if (fields.has('event')) onEvent(fields.get('event'), JSON.parse(fields.get('data')));
    }
  }
}
