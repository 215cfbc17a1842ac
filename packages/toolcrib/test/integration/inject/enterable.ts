import { dockerAvailable, type TestImage } from '../../servers/docker.ts';
import { startSite } from './inject-container.ts';

/** Why the mount namespace of containers cannot be entered here, with these images; undefined when it can. */
export async function cannotEnter(image: TestImage, ...others: readonly TestImage[]): Promise<string | undefined> {
  const missing = await dockerAvailable(image, ...others);
  if (missing !== undefined) return missing;
  await using site = await startSite({ image });
  const { namespace } = site.sandbox;
  return namespace !== undefined && 'closed' in namespace ? namespace.closed : undefined;
}
