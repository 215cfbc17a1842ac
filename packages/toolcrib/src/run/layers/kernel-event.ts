export const KERNEL_EVENT_SCHEMA = 'assay.runner.kernel_event.v0';

/** What of a kernel line other members are compared with. */
export interface KernelEvent {
  readonly run_id: string;
  readonly seq: number;
  readonly kind: string;
  readonly value: string | null;
  readonly pid: number;
  /** It says that the call failed. */
  readonly failed: boolean;
  /** What a file was opened for; null where it does not say. */
  readonly access: AccessMode | null;
  /** `network_destination`; empty where it does not say. */
  readonly destination: string;
}

const ACCESS_MODES = ['read', 'write', 'read_write', 'unknown'] as const;

export type AccessMode = (typeof ACCESS_MODES)[number];

/** Kinds and their ids; another id is `event_<id>`. */
const ID_OF_KIND: ReadonlyMap<string, number> = new Map([
  ['openat', 1],
  ['connect', 2],
  ['exec', 4],
  ['sendto', 6],
  ['sendmsg', 7],
  ['file_blocked', 10],
  ['connect_blocked', 20],
]);

const KIND_OF_ID: ReadonlyMap<number, string> = new Map([...ID_OF_KIND].map(([kind, id]) => [id, kind]));

/** What events of a type are called. */
export function kernelKind(eventType: number): string {
  return KIND_OF_ID.get(eventType) ?? `event_${eventType}`;
}

const REQUIRED = ['schema', 'run_id', 'seq', 'pid', 'event_type', 'kind', 'value'] as const;
const OPERATIONS: readonly unknown[] = ['create', 'truncate', 'append', 'exclusive'];
const STATUSES: readonly unknown[] = ['success', 'error'];

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** What each field may hold: `kernel-event-v0.schema.json`, kinds 6 and 7 added. */
const FIELDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['schema', (value: unknown) => value === KERNEL_EVENT_SCHEMA],
  ['run_id', isText],
  ['seq', isCount],
  ['pid', isCount],
  ['event_type', isCount],
  ['kind', isText],
  ['value', (value: unknown) => value === null || isText(value)],
  ['cgroup_id', isCount],
  ['network_destination', isText],
  ['network_port', isCount],
  ['rule_id', isCount],
  ['flags', isCount],
  ['mode', isCount],
  ['resolve', (value: unknown) => isCount(value) && value !== 0],
  ['return_value', (value: unknown) => Number.isSafeInteger(value)],
  ['access_mode', (value: unknown) => accessMode(value) !== undefined],
  ['operation_flags', isOperations],
  ['status', (value: unknown) => STATUSES.includes(value)],
]);

function accessMode(value: unknown): AccessMode | undefined {
  return ACCESS_MODES.find((mode) => mode === value);
}

function isOperations(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((item) => OPERATIONS.includes(item)) && new Set(value).size === value.length;
}

/**
 * Reads a line of the kernel layer. Written by hand because a layer can have millions of them.
 * @returns a text that says what is wrong when it is not one.
 */
export function kernelEventFrom(parsed: unknown): KernelEvent | string {
  if (!isFields(parsed)) return 'it is not an object';
  for (const name of Object.keys(parsed)) {
    const accepts = FIELDS.get(name);
    if (accepts === undefined) return `unknown field ${JSON.stringify(name.slice(0, 100))}`;
    if (!accepts(parsed[name])) return `${name} is ${quote(parsed[name])}`;
  }
  const missing = REQUIRED.find((name) => !Object.hasOwn(parsed, name));
  if (missing !== undefined) return `${missing} is missing`;
  return consistent(parsed);
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(parsed: unknown): parsed is Fields {
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
}

function consistent(fields: Fields): KernelEvent | string {
  const { run_id, seq, pid, kind, value, event_type, network_destination: destination } = fields;
  if (typeof run_id !== 'string' || typeof seq !== 'number' || typeof kind !== 'string' || typeof pid !== 'number') {
    return 'it is incomplete';
  }
  if (ID_OF_KIND.get(kind) !== event_type && kind !== `event_${String(event_type)}`) {
    return `kind ${quote(kind)} does not go with event_type ${quote(event_type)}`;
  }
  if (Object.hasOwn(fields, 'status') && !Object.hasOwn(fields, 'return_value'))
    return 'status stands without return_value';
  return {
    run_id,
    seq,
    kind,
    value: typeof value === 'string' ? value : null,
    pid,
    failed: fields['status'] === 'error',
    access: accessMode(fields['access_mode']) ?? null,
    destination: typeof destination === 'string' ? destination : '',
  };
}

function quote(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value).slice(0, 200);
}
