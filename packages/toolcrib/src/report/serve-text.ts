import { printable } from '../core/printable.ts';

/** What a person is told while a store is served. */
export type ServeFacts =
  | {
      readonly event: 'request';
      readonly time: string;
      readonly from: string;
      readonly method: string;
      readonly path: string;
      readonly status: number;
      /** Null when the connection broke. */
      readonly bytes: number | null;
      readonly ms: number;
    }
  | { readonly event: 'failure'; readonly time: string; readonly message: string }
  | { readonly event: 'stopping'; readonly time: string };

/** One line of the log, printable. */
export function describeServeEvent(facts: ServeFacts): string {
  return printable(`${facts.time} ${describe(facts)}`);
}

function describe(facts: ServeFacts): string {
  if (facts.event === 'failure') return `failure: ${facts.message}`;
  if (facts.event === 'stopping') return 'stopping: transfers that run are finished';
  const { from, method, path, status, bytes, ms } = facts;
  return `${from} ${method} ${path} ${status} ${bytes === null ? 'broken off' : `${bytes} B`} ${ms} ms`;
}
