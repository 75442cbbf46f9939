/**
 * Every reason that a condition, a step or an event may carry, with what it means ("surfaces when …").
 * Reasons are API: stable, CamelCase, never reused for something else. Add one here before using it.
 */
export const reasons = {
  // Ready
  Ready: 'every part that is managed is as declared',
  NotReady: 'the first cause stands in the message',

  // Reachable
  Connected: 'a TCP connection and the SSH handshake succeeded',
  ConnectionTimedOut: 'no answer from the address and port in time',
  ConnectionRefused: 'the host answers, but nothing listens on the port',
  ConnectionLost: 'the link broke in the middle of the work',
  ConnectionThrottled:
    'sshd closed the connection before the key exchange, as it does when too many logins start at once',
  NameResolutionFailed: 'the FQDN or hostname has no address',
  NoRoute: 'the network has no path to the address',
  AddressDenied: 'the address lies in a range that --denied-cidrs forbids',
  ProtocolError: 'something listens, but it does not speak SSH or shares no algorithm with us',
  Rebooting: 'the host is expected to be away',
  NeverProbed: 'no connection was tried yet',
  ProbeExpired: 'the last look is too old to be believed',
  UnreachableOnce: 'one failed connection; the second makes Reachable False',

  // HostKeyVerified
  Known: 'the offered key is the one in the KnownHost',
  FirstUse: 'the key was trusted on first use and stored before any credential was offered',
  HostKeyMismatch: 'the host offers another key than the stored one: reinstalled, replaced or intercepted',
  HostKeyUnknown: 'policy Strict and no KnownHost exists for the address',
  KeyTypeUnavailable: 'the host offers no key of a trusted type',
  MachineReplaced: 'another machine answers with the trusted host key: a clone, or installed anew with the old keys',
  TrustNotStored: 'the KnownHost could not be written, so no credential was offered',
  NotProbed: 'no handshake happened yet',

  // Authenticated
  KeyAccepted: 'the private key was accepted',
  PasswordAccepted: 'the password was accepted',
  CredentialsRejected: 'the host refused the login; no further try until something changes',
  AttemptsPaused: 'whether the host refused the last login is not known; the next try is due later',
  SecretMissing: 'the referenced Secret does not exist or lacks the key',
  SecretForbidden: 'Hostler may not read the referenced Secret',
  SecretTooLarge: 'the value in the referenced Secret is larger than any credential',
  KeyUnreadable: 'the private key is no PEM or OpenSSH key that can be read',
  KeyTooWeak: 'DSA or RSA below 3072 bits is refused',
  PassphraseRequired: 'the private key is encrypted and the Secret has no or a wrong passphrase',
  KeyNotInstalled:
    'the bootstrap password was accepted, but the public key could not be put into authorized_keys with it',
  NotAuthenticated: 'no login was tried yet',

  // Privileged
  Root: 'the login user is root',
  Passwordless: 'sudo or doas works without a password',
  WithPassword: 'sudo works with the given password',
  PasswordRequired: 'sudo asks for a password and none or a wrong one was given',
  NotInSudoers: 'the user may not use sudo',
  TTYRequired: 'sudo demands a terminal (requiretty)',
  SudoMissing: 'neither sudo nor doas is installed and the user is not root',
  ManualRootStepsRequired: 'privilege None: what needs root must be done by hand',
  PrivilegeUnknown: 'the way to root was not looked at yet',

  // Provisioning, steps
  Running: 'the first set-up runs',
  Complete: 'the first set-up ended well',
  StepFailed: 'a step ended with an error; its output tail stands in the message',
  NotStarted: 'nothing was tried yet',
  Interrupted: 'a job was cut off (reboot, killed); the host is observed again before anything else',
  ChangedMeanwhile: 'the host is not as it was when the change was planned; it is looked at again',

  // Qualified
  AllChecksPassed: 'every Required check passed',
  NeedsSetup: 'only fixable Required checks fail',
  ChecksFailed: 'a Required check fails that Hostler cannot fix',
  NeverChecked: 'no preflight ran yet',
  Stale: 'the last preflight passed, but is older than --requalify-after (7 days)',
  Expired: 'the last preflight is older than 30 days',
  CheckPassed: 'the preflight check passed',
  CheckFailed: 'the preflight check failed',
  CheckNotApplicable: 'the preflight check does not count for this Server',

  // InSync
  InSync: 'the host is as declared',
  Drifted: 'the host differs from what is declared',
  Applying: 'changes are being made',
  ApplyFailed: 'a change failed; its output tail stands in the message',
  NotConverged: 'a change reported success, but looking again still shows a difference',
  WaitingForApproval: 'the changes disrupt more than disruption.automatic allows',
  WaitingForWindow: 'the changes wait for a maintenance window',
  ObserveOnly: 'the host differs, and management says Observe: nothing is changed',
  NotObserved: 'the host was not looked at yet',
  ObservationFailed: 'the host could not be observed',
  Unmanaged: 'nothing is declared, so nothing is judged',

  // Docker
  DockerReady: 'the engine runs at the declared version with the declared configuration',
  NotInstalled: 'the component is not on the host',
  NotRunning: 'the component is installed but does not run',
  VersionMismatch: 'another version than the declared one runs',
  VersionNotAvailable: 'the host offers no version that satisfies the declared one',
  DowngradeRefused: 'the declared version is older than the installed one, and spec.docker.downgrade is Refuse',
  DowngradeFailed: 'the older engine was installed, but does not run with what the newer one wrote',
  DockerConflict: 'another flavour of Docker is installed (snap, podman-docker, docker.io beside docker-ce)',
  ConfigInvalid: 'a configuration file on the host cannot be parsed',
  ConfigRejected: 'the program refused the declared configuration; the previous one is in force',
  ConfigRolledBack: 'a change that could lock us out was taken back by the host',
  PortConflict: 'a port is held by another process',
  PackageHeld: 'somebody else holds the package at another version than the declared one',
  UserMissing: 'a declared user does not exist on the host',
  PackageManagerBusy: 'another process holds the package manager',
  PackageManagerBroken: 'the package manager is in a half-configured state',
  PackageManagerUnsupported: 'no supported package manager was found',
  BundleMissing: 'the ArtifactBundle does not exist',
  BundleNotForHost: "the ArtifactBundle has nothing for the host's system and architecture",
  BundleInvalid: 'an artifact holds no packages that can be read',
  BundleIncomplete: 'packages depend on something that is neither in the bundle nor on the host',
  FileMissing: 'a file that the object names is not there',
  ChecksumMismatch: 'a file has another size or checksum than the object states',
  SigningKeyInvalid: 'the Secret holds no OpenPGP public key to check the repository by',
  RepositoryUnavailable: 'the package repository could not be read',
  DiskFull: 'a file system on the host is full',
  ForeignConfig: "somebody else's configuration on the host decides what is declared",
  HookFailed: 'a hook with failurePolicy Fail ended with an error',
  ClockSkew: "the host's clock differs too much",

  // Proxy
  ProxyReady: 'the proxy runs as declared and answers',
  NotAnswering: 'the component runs, but does not answer a request',
  ImageUnavailable: 'the image is neither on the host nor can it be fetched',
  IncompatibleAPI: "the engine's oldest API is newer than the one that the proxy speaks",

  // Hardening
  HardeningReady: 'the hardening is in force as declared',

  // UpdatePending, RebootPending
  NoUpdates: 'no newer packages are offered',
  ComponentUpdate: 'a managed component has a newer version inside the declared range',
  SecurityUpdate: 'packages from a security suite are pending',
  OSUpdate: 'packages are pending',
  NoReboot: 'nothing asks for a reboot',
  RebootRequired: 'the host asks for a reboot',
  KernelUpdated: 'a newer kernel is installed than the one that runs',
  LibraryUpdated: 'a library was replaced under running processes',

  // pressure, credentials
  Warning: 'the warning threshold is passed',
  Critical: 'the critical threshold is passed',
  Fresh: 'credentials are as they should be',
  PasswordInUse: 'the login still uses a password',

  // Ownership, operations
  OwnedByAnother: 'another Hostler installation or Server owns the host',
  OwnershipLost: 'a newer holder of the shard wrote to the host',
  ShardNotHeld: 'this process does not hold the Lease of the shard',
  DuplicateMachine: 'another Server has the same machine id and host key',
  OperationRunning: 'the operation is under way',
  OperationSucceeded: 'the operation did what it says',
  OperationCancelled: 'spec.cancel was set: it did not run, or was ended',
  OperationPending: 'the operation waits for its turn',
  OperationExpired: 'deadlineSeconds passed before the operation could run',
  AlreadyRan: 'an operation of this name and type ran before and is not repeated',
  CommandFailed: 'the command ended with another exit code than 0, or took too long',
  RebootFailed: 'the host did not restart, did not come back in time, or came back without all that ran before',
  PowerOffFailed: 'the host still answers, or nobody could see whether it is off',
  PlanChanged: 'the approved plan is not the current one',
  NothingToApprove: 'no plan waits for approval',

  // Reconciling, Stalled, Deleting, generic
  Progressing: 'work is under way',
  Paused: 'spec.paused is true: nothing is written to the host',
  InvalidSpec: 'the spec cannot be carried out as written',
  Unsupported: 'the host or the value is not supported yet',
  DependencyNotReady: 'an object this one needs does not exist or is not ready',
  OutOfAttempts: 'the same step failed too often; it waits for a change or Retry',
  WaitingForJob: 'a job still runs on the host',
  RemovingAgent: 'what Hostler put on the host is being removed',
  CleanupFailed: 'what Hostler put on the host could not be removed',
  Deleted: 'the Server is gone; the host was left as deletionPolicy says',
  InternalError: 'a bug in Hostler; the log has the details',
} as const satisfies Record<string, string>;

export type Reason = keyof typeof reasons;
