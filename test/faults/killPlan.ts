/** Environment variable with the directory of `plan.json`; points that were passed and died at are noted there. */
export const KILLS_DIRECTORY = 'HOSTLER_TEST_KILLS';

/**
 * Where a control plane dies, once at each point. A point is a moment (`before`, `in`, `deep in`, `after`) and a remote
 * command or a write to the API, with the command that went before it: `after consume-job since job-status`,
 * `before PATCH servers/status 2 since observe`.
 */
export interface KillPlan {
  /** Regular expression of points. */
  at: string;
}
