import type { Registration } from '../program-options.ts';

export function registerInit({ program, action }: Registration): void {
  program
    .command('init')
    .description('write toolcrib.json and the version file')
    .option('--tool <name>', 'name of the tool (default: of the package or folder)')
    .action(
      action(async ({ host, output }, options: { tool?: string }) => {
        const { initProject } = await import('../../flows/init-project.ts');
        const written = await initProject({ folder: host.cwd, reporter: host.reporter, ...options });
        output.result({ written }, written.map((path) => `wrote ${path}`).join('\n'));
        return 0;
      }),
    );
}
