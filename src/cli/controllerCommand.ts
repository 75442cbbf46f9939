import { Command } from 'commander';
import { type ControllerOptions, withControllerOptions } from './controllerOptions.ts';

/** What `hostler controller` is told. */
export interface ControllerCommandOptions extends ControllerOptions {
  kubeconfig?: string;
  context?: string;
  identity?: string;
}

/** `hostler controller` */
export function controllerCommand(): Command {
  const command = new Command('controller')
    .description('run the controllers against a Kubernetes API that has the CRDs: a cluster, or "hostler serve"')
    .option('--kubeconfig <file>', "kubeconfig (default: as for the other commands; in a Pod its ServiceAccount's)")
    .option('--context <name>', 'context of the kubeconfig')
    .option('--identity <name>', 'name of this process in Leases, unlike all others (default: $POD_NAME, or made up)');
  return withControllerOptions(command)
    .addHelpText(
      'after',
      `
Several may run at once: they share the Servers among them, and take over those of one that is gone within 30 seconds.

Examples:
  hostler controller --kubeconfig ~/.kube/config
  hostler controller --metrics-listen 0.0.0.0:8080        in a Pod: probes at /livez and /readyz, Prometheus at /metrics`,
    )
    .action(async (options: ControllerCommandOptions) => {
      const { controller } = await import('./controller.ts');
      await controller(options);
    });
}
