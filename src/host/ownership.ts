import type { Session } from '../ssh/session.ts';

/** Who may change the host. Travels as script arguments; every value matches [A-Za-z0-9._-]{1,64}. */
export interface Owner {
  /** UID of the ConfigMap hostler-installation. */
  installation: string;
  /** UID of the Server. */
  server: string;
  /** Of the Server's shard. */
  token: { lease: string; transitions: number };
}

/** What the owner file on a host says. `Unreadable`: may not be read by this user; `Invalid`: not in our form. */
export type OwnerOnHost =
  { state: 'Free' } | { state: 'Unreadable' } | { state: 'Invalid' } | ({ state: 'Owned'; lockedBy?: number } & Owner);

/** How an observed owner relates to us, before anything is written. */
export type OwnerRelation = 'Ours' | 'Free' | 'Unknown' | 'Another' | 'HigherToken' | 'OtherLease';
export declare function relationOf(found: OwnerOnHost, ours: Owner): OwnerRelation;

/** What a mutating script needs to be let through. */
export interface Claim {
  owner: Owner;
  /**
   * Called when the host's token belongs to another Lease of the same installation: read the Lease again and
   * return true only if it is still held; then the stored token is overwritten.
   */
  stillHeld: () => Promise<boolean>;
}

/** Makes the host ours if it is free, or proves that it is. @throws TerminalError OwnedByAnother, TransientError OwnershipLost, WaitingError WaitingForJob */
export declare function claim(session: Session, claim: Claim, signal?: AbortSignal): Promise<void>;
/** Makes the host ours whoever owns it (operation TakeOver). @throws WaitingError WaitingForJob  while a job lives. */
export declare function takeOver(session: Session, owner: Owner, signal?: AbortSignal): Promise<void>;
/** Removes everything Hostler put on the host, the owner file included (RemoveAgent). Idempotent. @throws as claim, but a free host is fine. */
export declare function removeAgent(session: Session, claim: Claim, signal?: AbortSignal): Promise<void>;
