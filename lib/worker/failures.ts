/** Listening failed; `socket` is the index of the address in `bind`. */
export class ListenError extends Error {
  readonly socket: number;
  constructor(socket: number, cause: Error) {
    super(cause.message, { cause });
    this.socket = socket;
  }
}

/** The application was not what the class can serve. */
export class AppError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
