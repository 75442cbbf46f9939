/**
 * Makes a real Kubernetes control plane available to the tests: builds it where it is not built yet.
 *
 *     npx tsx test/tools/kubernetes/prepare.ts
 *
 * Ends with 3, and the reason as last line, where that cannot be.
 */
import { messageOf } from '../../../src/lib/errors.ts';
import { buildKubeBinaries, kubeObstacle } from '../../support/kubeBinaries.ts';

const CANNOT = 3;
const SIGN_OF_LIFE_MS = 30_000;

const began = performance.now();
const timer = setInterval(() => {
  console.log(`  … ${Math.round((performance.now() - began) / 1000)} s`);
}, SIGN_OF_LIFE_MS).unref();
const reason = (await kubeObstacle()) ?? (await failure());
clearInterval(timer);
if (reason !== undefined) {
  console.log(`${reason}.`);
  process.exitCode = CANNOT;
}

async function failure(): Promise<string | undefined> {
  try {
    await buildKubeBinaries((line) => console.log(line));
    return undefined;
  } catch (error) {
    return `building kube-apiserver failed (${messageOf(error)}; its messages are above)`;
  }
}
