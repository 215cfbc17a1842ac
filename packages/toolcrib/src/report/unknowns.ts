import type { ArchiveFacts } from './archive-text.ts';
import { counted } from './counted.ts';

/**
 * What an archive does not tell, one sentence each, the weightiest first. A reader who knows only what is there takes
 * what is not there for what did not happen.
 */
export function unknownsOf(facts: ArchiveFacts): readonly string[] {
  if (facts.findings.length > 0) return ['The archive is refused: nothing of what it says is to be believed.'];
  return [...kernelUnknowns(facts), ...layerUnknowns(facts), ...signatureUnknowns(facts)];
}

function kernelUnknowns({
  summary: { health, layers, spawnError, exitCode },
  reports: { capture, coverage, injection },
}: ArchiveFacts): readonly string[] {
  if (health === undefined) return ['How the run was watched is not known.'];
  if (health.kernel_layer === 'absent') {
    if (spawnError !== null) return [];
    const events = layers.kernel === 0 ? '' : ` ${counted(layers.kernel, 'event')} may be those of somebody else.`;
    const unwatched = `Nothing watched what the command did: files, network and programs are not known.${events}`;
    const isToolsToo = injection !== undefined && (exitCode === 126 || exitCode === 127);
    return isToolsToo ? [unwatched, TOOLS_TOO] : [unwatched];
  }
  const unknowns: string[] = [];
  if (health.kernel_layer !== 'complete') {
    unknowns.push(`Events were lost (${health.ringbuf_drops} counted): what was not seen may have happened.`);
  }
  if (health.cgroup_correlation !== 'clean') unknowns.push('Not every event is certain to belong to this run.');
  if (health.capture_origin !== undefined) unknowns.push('A third party captured the events.');
  if (capture?.ended_early === true) unknowns.push('The observer was gone before the run was over.');
  if (capture !== undefined && capture.survivors > 0) {
    const lived = `${counted(capture.survivors, 'process', 'processes')} lived on when the recording ended`;
    unknowns.push(`${lived}; what was done then is not known.`);
  }
  if (coverage === undefined) unknowns.push('The archive does not describe what could be seen and what not.');
  return unknowns;
}

/** Its words on stderr are no proof: a command can write them, too. */
const TOOLS_TOO =
  'Whether the exit code is that of the command is not known: the tool that starts it there exits so, too, when it cannot.';

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
