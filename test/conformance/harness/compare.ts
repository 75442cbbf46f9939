import { isObject } from './normalise.ts';

/** One place where the two servers say something else. */
export interface Deviation {
  /** Such as `2 GET configmaps/a: body.metadata.name`. */
  at: string;
  hostler: unknown;
  kubernetes: unknown;
}

/** Everything in which two values differ, by path. */
export function deviations(hostler: unknown, kubernetes: unknown, at = ''): Deviation[] {
  if (Array.isArray(hostler) && Array.isArray(kubernetes) && hostler.length === kubernetes.length) {
    return hostler.flatMap((one, index) => deviations(one, kubernetes[index], `${at}[${index}]`));
  }
  if (isObject(hostler) && isObject(kubernetes)) {
    return [...new Set([...Object.keys(kubernetes), ...Object.keys(hostler)])].flatMap((key) =>
      deviations(hostler[key], kubernetes[key], at === '' ? key : `${at}.${key}`),
    );
  }
  return JSON.stringify(hostler) === JSON.stringify(kubernetes) ? [] : [{ at, hostler, kubernetes }];
}
