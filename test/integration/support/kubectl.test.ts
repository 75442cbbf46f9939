import { describe, expect, it } from 'vitest';
import { run } from '../../hosts/command.ts';
import { KUBECTL_VERSIONS, kubectlPath } from '../../support/kubectl.ts';

describe('kubectlPath', () => {
  it.each(KUBECTL_VERSIONS)('gives a kubectl %s that runs', async (version) => {
    const shown = await run([await kubectlPath(version), 'version', '--client', '-o', 'json']);
    expect(JSON.parse(shown)).toMatchObject({ clientVersion: { major: '1', minor: version.slice(2) } });
  });
});
