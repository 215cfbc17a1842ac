import type { ArchiveFacts } from './archive-text.ts';
import { isTampered } from './clipped-text.ts';
import { counted } from './counted.ts';

/**
 * What an archive does not tell, one sentence each, the weightiest first. A reader who knows only what is there takes
 * what is not there for what did not happen.
 */
export function unknownsOf(facts: ArchiveFacts): readonly string[] {
  if (facts.findings.length > 0) return ['The archive is refused: nothing of what it says is to be believed.'];
  return [...kernelUnknowns(facts), ...endUnknowns(facts), ...layerUnknowns(facts), ...signatureUnknowns(facts)];
}

function kernelUnknowns({
  summary: { health, layers, spawnError },
  reports: { capture, coverage },
}: ArchiveFacts): readonly string[] {
  if (health === undefined) return ['How the run was watched is not known.'];
  if (health.kernel_layer === 'absent') {
    if (spawnError !== null) return [];
    const events = layers.kernel === 0 ? '' : ` ${counted(layers.kernel, 'event')} may be those of somebody else.`;
    return [`Nothing watched what the command did: files, network and programs are not known.${events}`];
  }
  const unknowns: string[] = [];
  if (health.ringbuf_drops > 0) {
    unknowns.push(`Events were lost (${health.ringbuf_drops} counted): what was not seen may have happened.`);
  } else if (health.kernel_layer !== 'complete' && isUnexplained(capture)) {
    const why = isTampered(capture) ? 'the observer could have been changed' : 'nothing says why';
    unknowns.push(`Not all that happened may have been seen: ${why}.`);
  }
  if (health.cgroup_correlation !== 'clean') unknowns.push('Not every event is certain to belong to this run.');
  if (health.capture_origin !== undefined) unknowns.push('A third party captured the events.');
  const survivors = capture?.survivors ?? 0;
  if (capture?.ended_early === true) {
    const more = capture.survivors === null ? ', and nobody counted what lived on' : '';
    unknowns.push(`The observer was gone before the run was over${more}.`);
  }
  if (survivors > 0) {
    const lived = `${counted(survivors, 'process', 'processes')} lived on when the recording ended`;
    unknowns.push(`${lived}; what was done then is not known.`);
  }
  if (coverage === undefined) unknowns.push('The archive does not describe what could be seen and what not.');
  return unknowns;
}

/** What lived on, and an observer that was gone, are told by themselves. */
function isUnexplained(capture: ArchiveFacts['reports']['capture']): boolean {
  return capture === undefined || (!capture.ended_early && (capture.survivors ?? 0) === 0);
}

/** In older archives the end of the tool that starts a command stood for that of the command. */
const LEAST_OF_TOOLS = 125;

/** How a command in a sandbox ended: the kernel tells it, else the tool that started it. */
function endUnknowns({
  summary: { exitCode, signal, spawnError },
  reports: { injection },
}: ArchiveFacts): readonly string[] {
  if (injection === undefined) return [];
  const { anchor, ended, after } = injection;
  if (spawnError !== null)
    return anchor === null ? ['That it was not started, only the sandbox told; nobody saw it.'] : [];
  const isUnknown = exitCode === null && signal === null;
  if (ended === undefined) {
    if (isUnknown) return ['How the command ended is not known.'];
    return (exitCode ?? 0) < LEAST_OF_TOOLS
      ? ['Who told how the command ended is not known.']
      : ['Whether the exit code is that of the command is not known: it may be that of the tool that starts it there.'];
  }
  const { kernel, tool } = ended;
  if (isUnknown && after === 'gone') return ['How the command would have ended is not known: its sandbox was gone.'];
  if (isUnknown) return ['How the command ended is not known: nobody saw it.'];
  if (kernel === null) return ['How the command ended, only the tool told that started it there; nobody saw it.'];
  const isSame = tool === null || (tool.exit_code === kernel.exit_code && tool.signal === kernel.signal);
  return isSame ? [] : ['The tool that started the command told another end of it than the kernel, whose is recorded.'];
}

function layerUnknowns({ summary: { health }, reports: { capture } }: ArchiveFacts): readonly string[] {
  if (health === undefined) return [];
  const unknowns: string[] = [];
  const policy = capture?.logs?.find(({ layer }) => layer === 'policy');
  if (health.policy_layer === 'absent')
    unknowns.push('No policy decided about tool calls, or its log was not recorded.');
  else if (policy === undefined) unknowns.push('Who could have written the decisions of the policy is not known.');
  else if (policy.command_could_write) {
    unknowns.push('The recorded command could have written the decisions of the policy itself.');
  }
  if (health.sdk_layer === 'absent') unknowns.push('No agent SDK reported its tool calls.');
  else unknowns.push('What the agent SDK reported, it reported of itself.');
  if (health.redaction?.mode === 'disabled_unsafe') unknowns.push('Secrets were not redacted.');
  return unknowns;
}

function signatureUnknowns({ signature }: ArchiveFacts): readonly string[] {
  if (signature === 'verified') return [];
  if (signature === 'absent') return ['Who wrote the archive is not known: nobody signed it.'];
  return ['Who wrote the archive is not known: its signature was not verified with a key.'];
}
