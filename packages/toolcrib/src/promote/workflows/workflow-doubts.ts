import type { AttestationPolicy } from '../../config/config.ts';
import { isGithubPackage, isOwnStore, type WorkflowSettings } from './workflow-settings.ts';

/** Why workflows may not do what their author expects. */
export interface WorkflowDoubt {
  readonly text: string;
  readonly hint: string;
}

const ANEW = 'then move the workflows away and write them anew';

/** What has to be known of workflows with these settings before somebody relies on them. */
export function workflowDoubts(
  settings: WorkflowSettings,
  policy: Pick<AttestationPolicy, 'require' | 'publicKeys' | 'identities'>,
): readonly WorkflowDoubt[] {
  return [...doubtsOfStores(settings), ...doubtsOfInstallation(settings), ...doubtsOfPolicy(policy)];
}

function* doubtsOfStores({ stores, repository }: WorkflowSettings): Iterable<WorkflowDoubt> {
  const hint = `name a store that the machines of GitHub reach, e.g. "github:OWNER/REPO", ${ANEW}`;
  if (stores.length === 0) yield { text: 'there is no store: a promotion has nothing to publish to', hint };
  const folders = stores.flatMap(({ kind, url }) => (kind === 'directory' ? [url] : []));
  if (folders.length > 0) {
    const text = `${folders.join(', ')} is on a machine that GitHub throws away after the job: what is promoted is lost there`;
    yield { text, hint };
  }
  const packages = stores.filter(isGithubPackage);
  const ofGithub = stores.filter((store) => store.kind === 'github' || isGithubPackage(store));
  if (repository === undefined && ofGithub.length > 0) {
    const text = `no remote "origin" on GitHub tells whose workflows these are: ${ofGithub.map(({ url }) => url).join(', ')} counts as another's`;
    yield { text, hint: `add the remote, ${ANEW}: jobs may write to stores of their own repository without a secret` };
  }
  const own = packages.filter((store) => isOwnStore(store, repository));
  if (own.length > 0 && own.length < packages.length) {
    const text = `the stores on ghcr.io are of several owners: a job's own token is good for one of them only`;
    yield { text, hint: 'the secrets REGISTRY_USERNAME and REGISTRY_PASSWORD have to be good for all of them' };
  }
}

function* doubtsOfInstallation({ installation }: WorkflowSettings): Iterable<WorkflowDoubt> {
  if (installation.kind === 'locked') return;
  const text = `no lock file of npm has toolcrib: each job takes what npm calls toolcrib@${installation.version}, with nothing that pins its bytes`;
  yield { text, hint: `"npm install --save-dev toolcrib" puts its digest into the lock file, ${ANEW}` };
}

function* doubtsOfPolicy(
  policy: Pick<AttestationPolicy, 'require' | 'publicKeys' | 'identities'>,
): Iterable<WorkflowDoubt> {
  if (!policy.require || policy.identities.length > 0) return;
  const text =
    'the policy requires attestations and believes no identity: a promotion by the workflow, which signs with Sigstore, is refused';
  yield {
    text,
    hint: 'name the workflow in "attestation": { "identities": [...] }, or promote from your machine with --sign KEY',
  };
}
