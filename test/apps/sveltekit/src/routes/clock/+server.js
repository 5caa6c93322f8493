import { setTimeout as delay } from 'node:timers/promises';

/** Sent in parts. */
export function GET() {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async start(controller) {
      for (const part of ['tick ', 'tock']) {
        controller.enqueue(encoder.encode(part));
        await delay(20);
      }
      controller.close();
    },
  });
  return new Response(body, { headers: { 'Content-Type': 'text/plain' } });
}
