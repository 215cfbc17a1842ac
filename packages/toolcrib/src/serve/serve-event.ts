/** What happens while a store is served, for who runs it. Nothing in it is secret. */
export type ServeEvent =
  | {
      readonly event: 'request';
      /** ISO 8601, UTC. */
      readonly time: string;
      /** Address of who asked, or of the proxy before it. */
      readonly from: string;
      readonly method: string;
      /** Without its query; as it was sent, so not fit for a terminal. */
      readonly path: string;
      readonly status: number;
      /** Bytes of the answer's body; null when the connection broke. */
      readonly bytes: number | null;
      readonly ms: number;
    }
  /** The server could not do its part. */
  | { readonly event: 'failure'; readonly time: string; readonly message: string }
  | { readonly event: 'stopping'; readonly time: string };

/** Longer paths are cut in events. */
const MAX_PATH = 300;

/** The path of a request line; queries may carry secrets, and so may the user of one that names a whole URL. */
export function loggedPath(url: string): string {
  return url
    .replace(/[?#][^]*$/, '')
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1…@')
    .slice(0, MAX_PATH);
}
