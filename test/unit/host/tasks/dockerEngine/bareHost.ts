import type { DockerHave } from '../../../../../src/host/tasks/dockerEngine/facts.ts';

/** What a host without any Docker shows; nothing was fetched, nothing brought. */
export function bareHost(more: Partial<DockerHave> = {}): DockerHave {
  return {
    packages: new Map(),
    snap: false,
    service: { startup: 'unknown', state: 'absent' },
    mayAsk: false,
    file: { state: 'absent', text: '' },
    ownHolds: [],
    sources: [],
    bundles: [],
    listsFresh: false,
    offers: new Map(),
    ...more,
  };
}
