/** One address to serve, see {@link ArbiterOptions.bind}. */
export type BindOption =
  | string
  | { readonly host?: string | undefined; readonly port: number }
  | {
      readonly path: string;
      readonly mode?: number | undefined;
      readonly user?: string | number | undefined;
      readonly group?: string | number | undefined;
    }
  | { readonly fd: number };

/** Where the control is, see {@link ArbiterOptions.control}. */
export type ControlOption =
  | `unix:${string}`
  | { readonly path: string; readonly mode?: number | undefined }
  | { readonly host?: string | undefined; readonly port: number; readonly token: string };
