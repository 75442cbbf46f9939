/**
 * Orders two resourceVersions: negative when `a` is older. Both must be of one API server; an absent one is oldest.
 * Source: Kubernetes 1.35 allows this comparison for all its resources; versions are decimal numbers of any length.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number {
  const [left, right] = [a ?? '', b ?? ''];
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
