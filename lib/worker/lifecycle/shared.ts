const buffers = new Map<string, SharedArrayBuffer>();

/** The buffer of that name in this process. The first call creates it; undefined if that size cannot be had. */
export function sharedBuffer(name: string, bytes: number): SharedArrayBuffer | undefined {
  const known = buffers.get(name);
  if (known || !Number.isSafeInteger(bytes)) return known;
  try {
    const buffer = new SharedArrayBuffer(bytes);
    buffers.set(name, buffer);
    return buffer;
  } catch {
    // The size is negative, or larger than the memory that can be had.
    return undefined;
  }
}
