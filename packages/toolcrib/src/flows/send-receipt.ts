import { resolve } from 'node:path';
import { RemoteError, ToolcribError, UsageError } from '../core/errors.ts';
import { isLoopback } from '../core/loopback.ts';
import { formatReceipt, formatReceiptMarkdown, type Receipt } from '../core/receipt.ts';
import { onePiece } from '../core/one-piece.ts';
import { silentReporter } from '../core/reporter.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import { appendStepSummary } from './github-files.ts';
import type { Host } from './host.ts';
import { transferOptions } from './open-store.ts';

/** Where a receipt goes. */
export interface Recipients {
  /** Path of a file. */
  readonly file: string | undefined;
  readonly notify: readonly URL[];
}

/**
 * Checks a URL that is to be told. It is a secret as a whole, as those of webhooks are: only its origin is ever shown.
 * @throws UsageError `USAGE` for what is no URL that may be posted to.
 */
export function parseNotifyUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))) return url;
  throw new UsageError('USAGE', '--notify takes an https URL', {
    hint: 'plain http is for this machine only, e.g. http://127.0.0.1:8080/hook',
  });
}

/**
 * Sends a receipt to whoever is to have it: a file, the step summary of a GitHub Actions job, URLs. The release is
 * published already: a summary or a URL that fails is a warning. A file was asked for to be kept: that it could not be
 * written is returned, for the command to fail with.
 * @throws the signal's reason.
 */
export async function sendReceipt(
  receipt: Receipt,
  { file, notify }: Recipients,
  host: Host,
): Promise<readonly ToolcribError[]> {
  const failures = file === undefined ? [] : await writeReceipt(resolve(host.cwd, file), receipt, host);
  await appendSummary(receipt, host);
  for (const url of notify) await post(url, receipt, host);
  return failures;
}

async function writeReceipt(path: string, receipt: Receipt, { signal }: Host): Promise<readonly ToolcribError[]> {
  try {
    await writeFileAtomically(path, formatReceipt(receipt), { signal });
    return [];
  } catch (error) {
    if (error instanceof RemoteError) return [error];
    throw error;
  }
}

async function appendSummary(receipt: Receipt, host: Host): Promise<void> {
  try {
    await appendStepSummary(host, `${formatReceiptMarkdown(receipt)}\n`);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    host.reporter.notice({ kind: 'warning', text: `the step summary could not be written: ${error.message}` });
  }
}

async function post(url: URL, receipt: Receipt, host: Host): Promise<void> {
  try {
    await postOnce(url, receipt, host);
  } catch (error) {
    host.signal?.throwIfAborted();
    if (!(error instanceof ToolcribError)) throw error;
    // Its message and its cause name the URL.
    warn(host, url, error.code);
  }
}

async function postOnce(url: URL, receipt: Receipt, host: Host): Promise<void> {
  const { createTransfer } = await import('../transfer/transfer.ts');
  // Retries report what they wait for, with its URL.
  const transfer = createTransfer({ ...(await transferOptions(host)), reporter: silentReporter });
  const bytes = Buffer.from(formatReceipt(receipt));
  try {
    const reply = await transfer.send(url.href, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: { size: bytes.byteLength, open: () => onePiece(bytes) },
      retry: true,
      signal: host.signal,
    });
    reply.discard();
    if (reply.status < 200 || reply.status > 299) warn(host, url, `it answered ${reply.status}`);
  } finally {
    await transfer.close();
  }
}

function warn({ reporter }: Host, url: URL, why: string): void {
  const text = `${url.origin} was not told of this release: ${why}`;
  reporter.notice({ kind: 'warning', text, hint: 'the release is published all the same' });
}
