import type { Component, Task } from '../../task.ts';
import { applyProxy } from './apply.ts';
import { judgePorts, unmanagedPorts } from './ports.ts';
import { diffProxy } from './diff.ts';
import { explainProxy } from './explain.ts';
import { proxyFacts, type ProxyHave } from './facts.ts';
import { vetoEngine } from './veto.ts';
import { proxyWant, type ProxyWant } from './want.ts';

/** The reverse proxy: one container of Hostler's on ports 80 and 443, replaced only by one that answers. */
export const proxy: Task<ProxyWant, ProxyHave> = {
  name: 'proxy',
  area: 'Proxy',
  facts: [proxyFacts],
  want: proxyWant,
  diff: diffProxy,
  apply: applyProxy,
  explain: explainProxy,
  veto: vetoEngine,
  checks: { names: ['ports'], judge: (want, have, host) => [judgePorts(want, have, host)], unmanaged: unmanagedPorts },
  components: componentsOf,
};

function componentsOf({ container }: ProxyWant, { live }: ProxyHave): Component[] {
  if (container === undefined && live === undefined) return [];
  const current = live?.running === true ? (live.release ?? live.image) : undefined;
  return [
    {
      name: 'proxy',
      ...(container === undefined ? {} : { desired: `${container.type} ${container.version}` }),
      ...(current === undefined ? {} : { current: `${live?.type ?? ''} ${current}`.trim() }),
    },
  ];
}
