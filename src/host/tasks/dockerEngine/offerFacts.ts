import type { EffectiveServer } from '../../../api/effective.ts';
import { parsePolicy } from '../../providers/apt.ts';
import type { FactFragment } from '../../task.ts';
import { bundlesDirectory } from '../../transfer.ts';
import type { DockerHave } from './facts.ts';

const MAX_UNMET = 10;

/**
 * What could be installed; only the lists on the host are asked, never the network. With arguments ENGINE SHA256… the
 * bundle among these that is on the host answers alone, and whether the engine could be installed from it.
 */
export const offersFragment: FactFragment<Partial<DockerHave>> = {
  slow: true,
  args: bundleArguments,
  script: `
engine=\${1:-}
config=
if [ -n "$engine" ]; then
  shift
  for sum do
    if [ -e "${bundlesDirectory}/$sum/ready" ]; then config=${bundlesDirectory}/$sum/apt.conf; fi
  done
  if [ -z "$config" ]; then put policy ''
  else
    export APT_CONFIG="$config"
    run closure apt-get -s -q -o Debug::NoLocking=1 --no-install-recommends --allow-change-held-packages install "$engine"
  fi
fi
if [ -z "$engine" ] || [ -n "$config" ]; then
  if command -v apt-cache >/dev/null 2>&1; then
    run policy apt-cache policy docker.io docker-cli docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin
  fi
fi
`,
  parse: (records) => {
    const text = records.text('policy');
    const unmet = parseUnmet(records.entry('closure')?.text ?? '');
    return { ...(text === undefined ? {} : { offers: parsePolicy(text) }), ...(unmet.length > 0 && { unmet }) };
  },
};

/** ENGINE SHA256…; none where no bundle is declared. */
function bundleArguments({ docker }: EffectiveServer): string[] {
  const bundle = docker?.source.bundle;
  if (bundle === undefined) return [];
  const { packages, artifacts } = bundle;
  const sums = artifacts !== undefined && 'value' in artifacts ? artifacts.value.map(({ sha256 }) => sha256) : [];
  return [packages === 'DockerCE' ? 'docker-ce' : 'docker.io', ...sums];
}

/** Source: apt-get(8), what it prints when it cannot install: the package, then each dependency that is not met. */
function parseUnmet(text: string): string[] {
  const [, block = ''] = /^The following packages have unmet dependencies:\n((?: .*\n?)*)/m.exec(text) ?? [];
  return block
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '')
    .slice(0, MAX_UNMET);
}
