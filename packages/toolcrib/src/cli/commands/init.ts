import type { Registration } from '../program-options.ts';
import { VERSION } from '../version.ts';

interface InitOptions {
  readonly tool?: string;
  readonly github?: boolean;
}

export function registerInit({ program, action }: Registration): void {
  program
    .command('init')
    .description('write toolcrib.json and the version file, and the workflows for GitHub')
    .option('--tool <name>', 'name of the tool (default: of the package or folder)')
    .option('--github', 'write the workflows that build and promote, also in a project that is there already')
    .action(
      action(async (session, { github = false, ...options }: InitOptions) => {
        const { host, output } = session;
        const { initProject } = await import('../../flows/init-project.ts');
        const isThere = github && (await session.project()).config !== undefined && options.tool === undefined;
        const made = isThere ? [] : await initProject({ folder: host.cwd, reporter: host.reporter, ...options });
        if (!github) {
          output.report({ written: made }, made.map((path) => `wrote ${path}`).join('\n'));
          return 0;
        }
        const { initWorkflows } = await import('../../flows/init-workflows.ts');
        const workflows = await initWorkflows(await session.project(), host, VERSION);
        const written = [...made, ...workflows.written];
        const { unchanged, secrets } = workflows;
        const lines = [...written.map((path) => `wrote ${path}`), ...unchanged.map((path) => `${path} is the same`)];
        output.report({ written, unchanged, secrets }, [...lines, nextSteps(secrets)].join('\n'));
        return 0;
      }),
    );
}

function nextSteps(secrets: readonly string[]): string {
  const given = secrets.length === 0 ? '' : `\nGive that environment the secrets ${secrets.join(', ')}.`;
  return `Next, on GitHub: make the environment "tool-support-release" with required reviewers, open to your base branch only,
and require the status "Tool support" on that branch: docs/guides/ci.md says why and how.${given}`;
}
