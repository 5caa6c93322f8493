const buffers = new Map<string, SharedArrayBuffer>();

/** The buffer of that name in this process, made by the first who asks for it; undefined when there is no such size. */
export function sharedBuffer(name: string, bytes: number): SharedArrayBuffer | undefined {
  const known = buffers.get(name);
  if (known || !Number.isSafeInteger(bytes)) return known;
  try {
    const buffer = new SharedArrayBuffer(bytes);
    buffers.set(name, buffer);
    return buffer;
  } catch {
    // Below 0, or more than there is.
    return undefined;
  }
}
