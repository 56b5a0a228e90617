/** Whom a provider vouches for: what every kind of provider gives to the shared part. */

export interface Identity {
  /** Never changes for a person at this provider, and is never given to another: `sub`, NameID, objectGUID. */
  subject: string;
  /** Undefined if the provider has none, or says itself that nobody has checked it. */
  email: string | undefined;
  name: string | undefined;
  /** Ids and names, whatever the provider gives. */
  groups: readonly string[];
  /** When the person last proved to the provider who it is, in milliseconds; undefined: it does not say. */
  authenticatedAt?: number | undefined;
  /** When the provider vouched for the person, in milliseconds; undefined: just now. */
  vouchedAt?: number | undefined;
  /** The provider's own end of the session, in milliseconds. */
  endsAt?: number | undefined;
  /**
   * What the kind needs to ask the provider again whether this person still may sign in: see recheck.ts. It is sealed.
   * Undefined: it cannot be asked, and the session goes on by a new sign-in without questions every five minutes.
   */
  kept?: string | undefined;
  /** As the provider calls its own session: SessionIndex, sid. */
  session?: string | undefined;
  /** What the kind needs to sign the person out at the provider as well. It is sealed. */
  signOut?: string | undefined;
}

/** What a provider says of a session's user. `away`: it did not answer, or made a mistake of its own. */
export type Rechecked =
  | { kind: "valid"; identity: Identity }
  | { kind: "gone"; reason: string }
  | { kind: "away"; reason: string };
