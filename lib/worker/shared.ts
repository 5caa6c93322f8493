const buffers = new Map<string, SharedArrayBuffer>();

/** The buffer of that name in this process, made by the first who asks for it. */
export function sharedBuffer(name: string, bytes: number): SharedArrayBuffer {
  const buffer = buffers.get(name) ?? new SharedArrayBuffer(bytes);
  buffers.set(name, buffer);
  return buffer;
}
