import type { EffectiveServer } from '../../api/effective.ts';
import type { ServerSpec } from '../../api/serverSpec.ts';
import { COMPONENT_MAX, type ServerStatus, type SystemInfo } from '../../api/serverStatus.ts';
import type { HostFacts } from '../../host/facts.ts';
import type { Observation } from '../../host/observe.ts';
import type { AnyTask, Component } from '../../host/task.ts';
import { bytesToQuantity, parseQuantity } from '../../lib/quantity.ts';
import { clip } from './clip.ts';
import { rebootReasons } from './judge.ts';

type Resources = NonNullable<ServerStatus['capacity']>;

/** What the machine has, and what is left of it for workloads: capacity less `spec.capacity.reserved`. */
export function capacityOf(
  facts: HostFacts,
  declared: ServerSpec['capacity'],
): { capacity?: Resources; allocatable?: Resources } {
  const disk = facts.fileSystems.find((fs) => fs.path === '/var/lib') ?? facts.fileSystems[0];
  const has = { cpu: facts.cpus, memory: facts.memoryBytes, disk: disk?.totalBytes };
  const reserved = declared?.reserved ?? {};
  const left = {
    cpu: less(has.cpu, reserved.cpu),
    memory: less(has.memory, reserved.memory),
    disk: less(has.disk, reserved.disk),
  };
  const environments = declared?.environments;
  return {
    capacity: asQuantities(has),
    allocatable: { ...asQuantities(left), ...(environments !== undefined && { environments }) },
  };
}

function less(total: number | undefined, reserved: string | number | undefined): number | undefined {
  return total === undefined ? undefined : Math.max(0, total - (parseQuantity(reserved ?? 0) ?? 0));
}

function asQuantities(numbers: {
  cpu?: number | undefined;
  memory?: number | undefined;
  disk?: number | undefined;
}): Resources {
  return {
    ...(numbers.cpu !== undefined && { cpu: cpuQuantity(numbers.cpu) }),
    ...(numbers.memory !== undefined && { memory: bytesToQuantity(numbers.memory) }),
    ...(numbers.disk !== undefined && { disk: bytesToQuantity(numbers.disk) }),
  };
}

function cpuQuantity(cores: number): string {
  return Number.isInteger(cores) ? String(cores) : `${Math.floor(cores * 1000)}m`;
}

/** Versions of everything that is managed. */
export function componentsOf(
  effective: EffectiveServer,
  observation: Observation,
  tasks: readonly AnyTask[],
): NonNullable<ServerStatus['components']> {
  return tasks.flatMap((task) => {
    const want = task.want(effective);
    const have = observation.have.get(task.name);
    return want === undefined || have === undefined ? [] : (task.components?.(want, have) ?? []).map(clipped);
  });
}

/** One version that the API refuses would keep the whole status from being written. */
function clipped({ desired, current, available, ...component }: Component): Component {
  return {
    ...component,
    ...(desired !== undefined && { desired: clip(desired, COMPONENT_MAX) }),
    ...(current !== undefined && { current: clip(current, COMPONENT_MAX) }),
    ...(available !== undefined && { available: clip(available, COMPONENT_MAX) }),
  };
}

/** What the tasks add to `status.systemInfo`, such as the version that the running engine reports. */
export function taskSystemInfo(
  effective: EffectiveServer,
  observation: Observation,
  tasks: readonly AnyTask[],
): Partial<SystemInfo> {
  return Object.assign(
    {},
    ...tasks.map((task) => {
      const have = observation.have.get(task.name);
      return task.want(effective) === undefined || have === undefined ? {} : task.systemInfo?.(have);
    }),
  ) as Partial<SystemInfo>;
}

/** Running containers; undefined = not known. */
export function containersRunning(
  effective: EffectiveServer,
  observation: Observation,
  tasks: readonly AnyTask[],
): number | undefined {
  return taskSystemInfo(effective, observation, tasks).containersRunning;
}

/** A host in a few words, for its step. */
export function describeHost({ os, architecture }: HostFacts): string {
  return `${os?.name ?? 'unknown system'}, ${architecture ?? 'unknown architecture'}`;
}

/** What waits on the host, as the machine asks. */
export function pendingMaintenance(facts: HostFacts): { updates: boolean; reboot: boolean } {
  return { updates: (facts.updates?.pending ?? 0) > 0, reboot: (rebootReasons(facts) ?? []).length > 0 };
}
