import { createHash, randomBytes } from 'node:crypto';
import { blobOf, changesOf, type ActionsState, type StoredPull, type StoredRun } from './actions-state.ts';
import { notFound, ok, paginated, refused, type Answer } from './answers.ts';
import { describedExample } from './description.ts';
import { isObject, type Json, type JsonObject } from './json-schema.ts';
import { userView } from './releases.ts';
import type { GithubCall, Route } from './routes.ts';

/** Commits, pull requests, reviews, rights, runs and their artifacts, and comments of one repository. */
export function actionsRoutes(actions: ActionsState): readonly Route[] {
  const route = (
    operation: string,
    access: Route['access'],
    handle: (call: GithubCall, actions: ActionsState) => Answer,
  ): Route => ({
    operation: operation.replace(' ', ' /repos/{owner}/{repo}/'),
    access,
    handle: (call) => handle(call, actions),
  });
  return [
    route('GET commits/{ref}', 'read', commitByRef),
    route('GET branches/{branch}', 'read', branchByName),
    route('GET contents/{path}', 'read', contentAt),
    route('GET commits/{commit_sha}/pulls', 'read', pullsOfCommit),
    route('GET pulls', 'read', listPulls),
    route('GET issues/{issue_number}/events', 'read', listEvents),
    route('GET pulls/{pull_number}', 'read', pullByNumber),
    route('GET pulls/{pull_number}/reviews', 'read', listReviews),
    route('GET collaborators/{username}/permission', 'read', permissionOf),
    route('GET actions/runs/{run_id}', 'read', runById),
    route('GET actions/workflows/{workflow_id}/runs', 'read', listRuns),
    route('GET actions/runs/{run_id}/jobs', 'read', listJobs),
    route('GET actions/runs/{run_id}/artifacts', 'read', listArtifacts),
    route('GET actions/artifacts/{artifact_id}/{archive_format}', 'read', downloadArtifact),
    route('GET issues/{issue_number}/comments', 'read', listComments),
    route('POST issues/{issue_number}/comments', 'write', createComment),
    route('PATCH issues/comments/{comment_id}', 'write', updateComment),
  ];
}

function commitByRef(call: GithubCall, actions: ActionsState): Answer {
  const sha = commitOf(actions, call.parameters['ref']);
  const commit = actions.commits.get(sha);
  if (commit === undefined) return refused(422, `No commit found for SHA: ${sha}`);
  const example = describedExample('commit');
  const [exampleFile] = list(example['files']);
  const { commit: inner } = example;
  return ok({
    ...example,
    sha,
    ...(commit.author !== undefined && { author: userView(call, commit.author) }),
    ...(commit.committer !== undefined && { committer: userView(call, commit.committer) }),
    parents: commit.parents.map((parent) => ({ sha: parent, url: 'https://api.github.com/x' })),
    commit: { ...object(inner), committer: { name: 'C', email: 'c@example.org', date: commit.date } },
    files: changesOf(actions, commit).map(({ path, status }) => ({
      ...object(exampleFile),
      filename: path,
      status,
      sha: blobOf(commit.files.get(path) ?? ''),
      contents_url: `${call.hosts.api}/repos/${fullName(call)}/contents/${encodeURIComponent(path)}`,
    })),
  });
}

/** Of a short name, a tag comes before a branch, as in git. */
function commitOf(actions: ActionsState, ref: Json | undefined): string {
  const name = typeof ref === 'string' ? ref : '';
  return actions.tags.get(name) ?? actions.branches.get(name) ?? name;
}

function branchByName(call: GithubCall, actions: ActionsState): Answer {
  const { branch } = call.parameters;
  const sha = typeof branch === 'string' ? actions.branches.get(branch) : undefined;
  if (sha === undefined) return notFound();
  const example = describedExample('branch-get');
  return ok({ ...example, name: branch ?? '', commit: { ...object(example['commit']), sha } });
}

function contentAt(call: GithubCall, actions: ActionsState): Answer {
  const { path } = call.parameters;
  const files = actions.commits.get(commitOf(actions, call.parameters['ref']))?.files;
  if (typeof path !== 'string' || files === undefined) return notFound();
  const text = files.get(path);
  if (text !== undefined) return ok(fileView(path, text));
  const below = [...files].filter(([name]) => name.startsWith(`${path}/`));
  if (below.length === 0) return notFound();
  return ok(below.map(([name, content]) => directoryEntry(name, content)));
}

function fileView(path: string, text: string): JsonObject {
  const bytes = Buffer.from(text);
  return {
    ...describedExample('content-file-response-if-content-is-a-file'),
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    sha: blobOf(text),
    size: bytes.byteLength,
    // GitHub breaks it into lines.
    content: (bytes.toString('base64').match(/.{1,60}/g) ?? []).join('\n'),
  };
}

function directoryEntry(path: string, text: string): JsonObject {
  const { content: _, encoding: __, ...entry } = fileView(path, text);
  return entry;
}

function pullByNumber(call: GithubCall, actions: ActionsState): Answer {
  const pull = actions.pulls.get(Number(call.parameters['pull_number']));
  return pull === undefined ? notFound() : ok(pullView(pull, call));
}

function pullView(pull: StoredPull, call: GithubCall): JsonObject {
  const example = describedExample('pull-request');
  const [head, base] = [object(example['head']), object(example['base'])];
  const repository = (name: string): JsonObject => ({ ...object(base['repo']), full_name: name });
  return {
    ...example,
    requested_teams: [],
    number: pull.number,
    state: pull.state,
    merged: pull.merged,
    merged_at: pull.merged ? '2026-01-02T00:00:00Z' : null,
    user: userView(call, pull.author),
    head: {
      ...head,
      ref: branchOf(pull),
      sha: pull.head,
      repo: pull.headRepository === null ? null : repository(pull.headRepository),
    },
    base: { ...base, ref: pull.base, repo: repository(fullName(call)) },
  };
}

const branchOf = ({ branch = 'feature' }: StoredPull | StoredRun): string => branch;

const SAID_OF_EACH: readonly string[] = ['number', 'state', 'merged_at', 'user', 'head', 'base', 'requested_teams'];

/** What a list says of one. */
function pullSimple(pull: StoredPull, call: GithubCall): JsonObject {
  const example = describedExample('pull-request-simple-items');
  const view = Object.entries(pullView(pull, call)).filter(([name]) => SAID_OF_EACH.includes(name));
  return { ...example, ...Object.fromEntries(view) };
}

/** `state` and the filter `head`, OWNER:BRANCH. */
function listPulls(call: GithubCall, actions: ActionsState): Answer {
  const { head, state = 'open' } = call.parameters;
  const found = [...actions.pulls.values()]
    .filter((pull) => state === 'all' || pull.state === state)
    .filter((pull) => head === undefined || `${pull.headRepository?.split('/')[0] ?? ''}:${branchOf(pull)}` === head);
  return paginated(
    found.map((pull) => pullSimple(pull, call)),
    call.url,
  );
}

/** Those that are open or merged: GitHub leaves out what was closed without a merge. */
function pullsOfCommit(call: GithubCall, actions: ActionsState): Answer {
  const sha = String(call.parameters['commit_sha']);
  const found = [...actions.pulls.values()]
    .filter(({ state, merged }) => state === 'open' || merged)
    .filter(({ head, base }) => reaches(actions, head, sha) && !reaches(actions, actions.branches.get(base), sha));
  return paginated(
    found.map((pull) => pullSimple(pull, call)),
    call.url,
  );
}

/** Whether a commit is another, or comes after it. */
function reaches(actions: ActionsState, from: string | undefined, sha: string): boolean {
  if (from === undefined) return false;
  return from === sha || (actions.commits.get(from)?.parents ?? []).some((parent) => reaches(actions, parent, sha));
}

function listEvents(call: GithubCall, actions: ActionsState): Answer {
  const pull = actions.pulls.get(Number(call.parameters['issue_number']));
  if (pull === undefined) return notFound();
  const example = describedExample('issue-event-for-issue-items');
  const views = (pull.events ?? []).map((event, index) => ({ ...example, id: index + 1, event }));
  return paginated(views, call.url);
}

const fullName = ({ repository }: GithubCall): string => `${repository.owner}/${repository.name}`;

function listReviews(call: GithubCall, actions: ActionsState): Answer {
  const pull = actions.pulls.get(Number(call.parameters['pull_number']));
  if (pull === undefined) return notFound();
  const example = describedExample('pull-request-review-items');
  const views = pull.reviews.map(({ user, type = 'User', state, commit }, index) => ({
    ...example,
    id: index + 1,
    user: user === null ? null : { ...userView(call, user), type },
    state,
    commit_id: commit,
  }));
  return paginated(views, call.url);
}

function permissionOf(call: GithubCall, actions: ActionsState): Answer {
  const login = String(call.parameters['username']);
  const permission = actions.permissions.get(login);
  if (permission === undefined) return notFound();
  const user = {
    ...userView(call, login),
    permissions: { pull: true, triage: false, push: permission !== 'read', maintain: false, admin: false },
    role_name: permission,
  };
  return ok({ permission, role_name: permission, user });
}

function runOf(call: GithubCall, actions: ActionsState): StoredRun | undefined {
  return actions.runs.find(({ id }) => id === call.parameters['run_id']);
}

function runById(call: GithubCall, actions: ActionsState): Answer {
  const run = runOf(call, actions);
  return run === undefined ? notFound() : ok(runView(run, call, actions));
}

function runView(run: StoredRun, call: GithubCall, actions: ActionsState): JsonObject {
  const example = describedExample('workflow-run');
  const repository = object(example['head_repository']);
  return {
    ...example,
    id: run.id,
    html_url: runUrl(run, call),
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    head_sha: run.commit,
    head_branch: branchOf(run),
    path: run.path,
    head_repository: run.headRepository === null ? null : { ...repository, full_name: run.headRepository },
    pull_requests: run.pulls.map((number) => pullMinimal(number, actions)),
  };
}

const runUrl = ({ id }: StoredRun, call: GithubCall): string =>
  `${call.hosts.web}/${fullName(call)}/actions/runs/${id}`;

function pullMinimal(number: number, actions: ActionsState): JsonObject {
  const repo = { id: 1, url: 'https://api.github.com/x', name: 'x' };
  const side = { ref: 'x', sha: 'x', repo };
  return {
    id: number,
    number,
    url: 'https://api.github.com/x',
    head: side,
    base: { ...side, ref: actions.pulls.get(number)?.base ?? 'x' },
  };
}

/** The newest first, as GitHub has them. */
function listRuns(call: GithubCall, actions: ActionsState): Answer {
  const { workflow_id: file, head_sha: commit, event } = call.parameters;
  const runs = actions.runs.filter(({ path }) => path.split('@')[0]?.endsWith(`/${String(file)}`));
  if (runs.length === 0) return notFound();
  const found = runs
    .filter((run) => commit === undefined || run.commit === commit)
    .filter((run) => event === undefined || run.event === event)
    .sort((a, b) => b.id - a.id);
  return listing(
    'workflow_runs',
    found.map((run) => runView(run, call, actions)),
    call,
  );
}

function listJobs(call: GithubCall, actions: ActionsState): Answer {
  const run = runOf(call, actions);
  if (run === undefined) return notFound();
  const [example] = list(describedExample('job-paginated')['jobs']);
  const views = run.jobs.map(({ name, conclusion }, index) => ({
    ...object(example),
    id: index + 1,
    run_id: run.id,
    created_at: '2026-01-01T00:00:00Z',
    name,
    conclusion,
    status: conclusion === null ? 'in_progress' : 'completed',
    html_url: `${runUrl(run, call)}/job/${index + 1}`,
  }));
  return listing('jobs', views, call);
}

function listArtifacts(call: GithubCall, actions: ActionsState): Answer {
  const run = runOf(call, actions);
  if (run === undefined) return notFound();
  const [example] = list(describedExample('artifact-paginated')['artifacts']);
  const views = run.artifacts.map(({ id, name, zip, expired }) => ({
    ...object(example),
    id,
    name,
    size_in_bytes: zip.byteLength,
    expired,
    expires_at: '2026-03-31T00:00:00Z',
    digest: `sha256:${createHash('sha256').update(zip).digest('hex')}`,
  }));
  return listing('artifacts', views, call);
}

/** Only for who shows a token; the bytes are on another origin, at an address that says who may. */
function downloadArtifact(call: GithubCall, actions: ActionsState): Answer {
  if (call.request.headers.authorization === undefined) return refused(401, 'Requires authentication');
  const id = call.parameters['artifact_id'];
  const artifact = actions.runs.flatMap(({ artifacts }) => artifacts).find((each) => each.id === id);
  if (artifact === undefined || call.parameters['archive_format'] !== 'zip') return notFound();
  if (artifact.expired) return refused(410, 'Artifact has expired');
  const path = `/artifacts/${artifact.id}`;
  call.state.objects.set(path, artifact.zip);
  return { status: 302, headers: { location: `${call.hosts.objects}${path}?sig=${randomBytes(12).toString('hex')}` } };
}

function listComments(call: GithubCall, actions: ActionsState): Answer {
  const issue = Number(call.parameters['issue_number']);
  if (!actions.pulls.has(issue)) return notFound();
  const views = actions.comments.filter((comment) => comment.issue === issue).map((each) => commentView(each, call));
  return paginated(views, call.url);
}

function createComment(call: GithubCall, actions: ActionsState): Answer {
  const issue = Number(call.parameters['issue_number']);
  if (!actions.pulls.has(issue)) return notFound();
  const comment = { id: call.state.nextId(), issue, author: 'Bot', body: bodyOf(call) } as const;
  actions.comments.push(comment);
  const json = commentView(comment, call);
  return { status: 201, json, headers: { location: `${call.hosts.api}/x` } };
}

function updateComment(call: GithubCall, actions: ActionsState): Answer {
  const comment = actions.comments.find(({ id }) => id === call.parameters['comment_id']);
  if (comment === undefined) return notFound();
  comment.body = bodyOf(call);
  return ok(commentView(comment, call));
}

function commentView({ id, issue, author, body }: ActionsState['comments'][number], call: GithubCall): JsonObject {
  const url = `${call.hosts.web}/${fullName(call)}/pull/${issue}#issuecomment-${id}`;
  return { ...describedExample('issue-comment'), id, body, html_url: url, user: { ...userView(call), type: author } };
}

/** `{total_count, NAME: […]}`, one page of it. */
function listing(name: string, views: readonly Json[], call: GithubCall): Answer {
  const page = paginated(views, call.url);
  return { ...page, json: { total_count: views.length, [name]: page.json } };
}

function bodyOf({ body }: GithubCall): string {
  return typeof body['body'] === 'string' ? body['body'] : '';
}

function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) return [];
  const all: readonly Json[] = value;
  return all;
}
