/**
 * Exit codes that scripts on hosts use to say what happened. Task scripts may end with those from 210 on
 * (`exit ${exitCodes.packageManagerBusy}` in constant script text); below that they belong to the engine.
 */
export const exitCodes = {
  timedOut: 124,
  /** A change that was to be proven was taken back before. */
  takenBack: 199,
  lockBusy: 200,
  ownedByAnother: 201,
  ownershipLost: 202,
  otherLease: 203,
  jobRunning: 204,
  ownerUnreadable: 205,
  uploadDamaged: 206,
  notWritable: 207,
  /** A change waits for its proof, or is being taken back. */
  unproven: 208,
  /** A change that was to be taken back was proven before. */
  proven: 209,
  packageManagerBusy: 210,
  diskFull: 211,
  repositoryUnavailable: 212,
  versionNotAvailable: 213,
  packageManagerBroken: 214,
  conflict: 215,
  configInvalid: 216,
  notRunning: 217,
  /** What the change was computed from is not there any more: look again. */
  changedMeanwhile: 218,
  configRejected: 219,
  userMissing: 220,
  downgradeFailed: 221,
  portConflict: 222,
  imageUnavailable: 223,
  notAnswering: 224,
  checksumMismatch: 225,
  /** What was told to restart or to switch itself off has booted since. */
  restarted: 226,
} as const;
