import type { ArtifactBundle } from '../../api/artifactBundle.ts';
import { setCondition, type Verdict } from '../../api/conditions.ts';
import type { Lister } from '../../kube/informer.ts';
import type { Reconciler, Request, Result } from '../../kube/reconciler.ts';
import type { StatusWriter } from '../../kube/statusWriter.ts';
import type { BundleDirectory } from '../../lib/bundleDirectory.ts';
import { toTime, type Clock } from '../../lib/clock.ts';

/** Nobody tells of a file that is put into the directory; a look costs one stat of each. */
const LOOK_MS = 15_000;

/** What the ArtifactBundle controller works with. */
export interface ArtifactBundleDeps {
  bundles: Lister<ArtifactBundle>;
  bundleStatus: StatusWriter<ArtifactBundle>;
  bundleDirectory: Pick<BundleDirectory, 'problemOf'>;
  clock: Clock;
}

/** Says whether the files of a bundle lie where they should. What hosts get of them is the business of their Servers. */
export class ArtifactBundleReconciler implements Reconciler {
  readonly #deps: ArtifactBundleDeps;

  constructor(deps: ArtifactBundleDeps) {
    this.#deps = deps;
  }

  async reconcile(request: Request, signal: AbortSignal): Promise<Result> {
    const cached = this.#deps.bundles.get(request);
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) return {};
    const bundle = this.#deps.bundleStatus.latest(cached);
    const verdict = await this.#judge(bundle);
    const conditions = structuredClone(bundle.status?.conditions ?? []);
    const now = toTime(this.#deps.clock.now());
    setCondition(conditions, 'Ready', verdict, { now, generation: bundle.metadata.generation ?? 1 });
    await this.#deps.bundleStatus.write(bundle, { conditions }, { signal });
    return { requeueAfterMs: LOOK_MS };
  }

  async #judge({ spec }: ArtifactBundle): Promise<Verdict> {
    for (const artifact of spec.artifacts) {
      const problem = await this.#deps.bundleDirectory.problemOf(artifact);
      if (problem !== undefined) {
        return { status: 'False', reason: problem.reason, message: `artifact ${artifact.name}: ${problem.message}` };
      }
    }
    const count = spec.artifacts.length;
    return { status: 'True', reason: 'Ready', message: `${count} of ${count} files are as stated` };
  }
}
