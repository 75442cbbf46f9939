import type { HostFacts } from '../facts.ts';
import { providerFacts } from '../providers/facts.ts';
import type { FactFragment } from '../task.ts';
import { accessFacts } from './access.ts';
import { hardwareFacts } from './hardware.ts';
import { identityFacts } from './identity.ts';
import { networkFacts } from './network.ts';
import { ownershipFacts } from './ownership.ts';
import { systemFacts } from './system.ts';

type CoreFragment = FactFragment<Partial<HostFacts>>;

/** One fragment out of several fast ones, so that they share a subshell: a fork costs more than what they do. */
function joined(fragments: readonly CoreFragment[]): CoreFragment {
  return {
    script: fragments.map((fragment) => fragment.script).join('\n'),
    parse: (records) =>
      Object.assign({}, ...fragments.map((fragment) => fragment.parse(records))) as Partial<HostFacts>,
  };
}

/** What is asked of every host, whatever its spec says. */
export const coreFacts: readonly CoreFragment[] = [
  joined([systemFacts, identityFacts, hardwareFacts, accessFacts, ownershipFacts]),
  networkFacts,
  ...providerFacts,
];
