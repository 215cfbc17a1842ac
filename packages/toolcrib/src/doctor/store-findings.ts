import { hasCode } from '../core/errors.ts';
import { storedSumsName } from '../core/release-names.ts';
import type { Store } from '../stores/store.ts';
import type { WriteInspector, WriteOutlook, WriteProbeOutcome } from '../stores/write-probe.ts';
import { finding, type Finding } from './finding.ts';

/** A store that is looked at. */
export interface StoreToExamine {
  readonly store: Store;
  /** Undefined for stores that can take nothing away again. */
  readonly inspector: WriteInspector | undefined;
  readonly tool: string;
  /** The version that is asked for; undefined when nobody knows it. */
  readonly version: number | undefined;
  /** Undefined: nothing is written. */
  readonly probeSuffix: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Whether a store answers, what these credentials may do there, and whether it keeps what is published.
 * @throws RemoteError as `Fetcher.fetch`: it cannot be read; the signal's reason.
 */
export async function examineStore(examined: StoreToExamine): Promise<readonly Finding[]> {
  const { inspector, signal } = examined;
  const outlook = inspector && (await mayNeedCredentials(inspector.look(signal)));
  if (outlook !== undefined && outlook !== 'refused' && !outlook.isThere) return [notThere(examined, outlook)];
  return [await readFindings(examined), ...(await writeFindings(examined, outlook))];
}

/** A directory that was mistyped looks the same as one that somebody will publish to. */
function notThere({ store, version, probeSuffix }: StoreToExamine, { writable, text }: WriteOutlook): Finding {
  const published = version === undefined ? null : false;
  return finding({
    ...{ group: 'stores', subject: store.reference, state: 'warning' },
    text: probeSuffix === undefined ? text : `${text}; writing was not tried: there is nothing to write into`,
    remedy: 'see whether "stores" of toolcrib.json names it right, or publish to it',
    facts: { read: false, list: false, published, guarantee: store.guarantee, writable },
  });
}

async function readFindings(examined: StoreToExamine): Promise<Finding> {
  const { store, tool, version, signal } = examined;
  const isThere = await readsRelease(examined);
  const listed = await mayNeedCredentials(store.list(`${tool}-v`, { signal }));
  const published = isThere === 'refused' || version === undefined ? null : isThere;
  const facts = { read: isThere !== 'refused', list: listed !== 'refused', published, guarantee: store.guarantee };
  const text = [
    isThere === 'refused'
      ? 'it answers, but lets us read nothing, or hides what is missing'
      : 'it answers and can be read',
    listed === 'refused' ? 'it lists nothing to us' : `it lists ${listed.length} files of ${tool}`,
    ...(published === null ? [] : [`${tool} v${version} is ${published ? 'there' : 'not there, or not shown to us'}`]),
    GUARANTEES[store.guarantee],
  ].join('; ');
  const state = isThere === 'refused' || published === false ? 'warning' : 'ok';
  const remedy = published === false ? `publish or mirror ${tool} v${version} to it, if it is to have that` : null;
  return finding({ group: 'stores', subject: store.reference, state, text, remedy, facts });
}

const GUARANTEES: Readonly<Record<Store['guarantee'], string>> = {
  'write-once': 'files are created once',
  detected: 'who publishes finds out by reading again whether somebody else did',
};

/** Asks for the one file that every published version has. */
async function readsRelease({ store, tool, version = 1, signal }: StoreToExamine): Promise<boolean | 'refused'> {
  const opened = await mayBeRefused(store.fetch(storedSumsName(tool, version), { signal }));
  if (opened === 'refused' || opened === undefined) return opened ?? false;
  for await (const _ of opened.bytes) break; // ends it
  return true;
}

/** As {@link mayBeRefused}, for what can only be asked with credentials: without any, others can still be read. */
async function mayNeedCredentials<T>(asking: Promise<T>): Promise<T | 'refused'> {
  try {
    return await mayBeRefused(asking);
  } catch (error) {
    if (hasCode(error, 'REMOTE_REFUSED') && error.details['status'] === undefined) return 'refused';
    throw error;
  }
}

/** What was answered; `refused` when these credentials may not do that. Wrong ones, and a missing bucket, are failures. */
async function mayBeRefused<T>(asking: Promise<T>): Promise<T | 'refused'> {
  try {
    return await asking;
  } catch (error) {
    if (!hasCode(error, 'REMOTE_REFUSED')) throw error;
    const { status, code = 'AccessDenied', mayBeMissing } = error.details;
    const isForbidden = [403, 404, 405].includes(Number(status)) && code === 'AccessDenied';
    if (isForbidden || mayBeMissing === true) return 'refused';
    throw error;
  }
}

async function writeFindings(
  { store, inspector, probeSuffix, signal }: StoreToExamine,
  outlook: WriteOutlook | 'refused' | undefined,
): Promise<readonly Finding[]> {
  const common = { group: 'stores', subject: store.reference } as const;
  if (inspector === undefined || outlook === undefined) {
    const text = 'writing was not tried: nothing could be taken away again';
    return probeSuffix === undefined ? [] : [finding({ ...common, state: 'note', text })];
  }
  if (probeSuffix !== undefined) return [probed(common, await inspector.probe({ suffix: probeSuffix, signal }))];
  return outlook === 'refused' ? [] : [expected(common, outlook)];
}

function expected(common: Pick<Finding, 'group' | 'subject'>, outlook: WriteOutlook): Finding {
  const { writable, mayOverwrite, text } = outlook;
  const facts = { writable, mayOverwrite };
  if (!mayOverwrite) return finding({ ...common, state: writable === false ? 'note' : 'ok', text, facts });
  return finding({
    ...{ ...common, state: 'warning', facts },
    text: `${text}, where some servers (Ceph RGW 16) replace what is published`,
    remedy: '"toolcrib doctor --write-probe" tries it',
  });
}

function probed(common: Pick<Finding, 'group' | 'subject'>, outcome: WriteProbeOutcome): Finding {
  const facts = { writable: true, writeProbe: outcome };
  if (outcome === 'write-once') {
    const text = 'a file was created, was not replaced, and was removed again';
    return finding({ ...common, state: 'ok', text, facts });
  }
  const text = 'a file was created, was replaced by another one of its name, and was removed again';
  const remedy =
    'two who publish at once may replace each other there: turn versioning of the bucket off, or take another';
  return finding({ ...common, state: 'failed', text, facts, remedy });
}
