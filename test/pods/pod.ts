import type { KubeObject } from '../../src/api/meta.ts';
import type { Resource } from '../../src/kube/resource.ts';

/** An HTTP probe of a container, with Kubernetes' defaults where a field is absent. */
export interface Probe {
  httpGet: { path: string; port: string | number };
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
}

interface SecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  readOnlyRootFilesystem?: boolean;
}

/** What the stand-in node reads of a container. */
export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  env?: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  ports?: { name?: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  securityContext?: SecurityContext;
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

/** One part of a projected volume. */
interface ProjectedSource {
  serviceAccountToken?: { path: string; expirationSeconds: number };
  configMap?: { name: string; items: { key: string; path: string }[] };
  downwardAPI?: { items: { path: string }[] };
}

/** core/v1 Pod, as far as the stand-in node reads it. */
export interface Pod extends KubeObject {
  spec: {
    nodeName?: string;
    serviceAccountName: string;
    containers: Container[];
    securityContext?: SecurityContext;
    volumes?: { name: string; emptyDir?: object; projected?: { sources: ProjectedSource[] } }[];
  };
}

export const pods: Resource<Pod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
