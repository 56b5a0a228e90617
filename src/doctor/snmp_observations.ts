/** What was seen when a printer was asked, as `diagnoseSnmp` judges it; holds no secret. */
import type { SecurityLevel } from "../snmp/credential.ts";
import type { View } from "../printers/view.ts";
import type { UsmFailure } from "../snmp/net_snmp.ts";
import type { AuthProtocolName, PrivProtocolName } from "../snmp/usm_protocols.ts";

export type SnmpOutcome =
  /** An answer came back; `empty` where it held no value, so that it says nothing of the view. */
  | { kind: "answered"; empty?: true }
  /** The request was understood and refused inside (an error-status), so whatever secured it is right. */
  | { kind: "refused"; message: string }
  /** A report of USM (RFC 3414 section 3.2). */
  | { kind: "report"; report: UsmFailure }
  | { kind: "silent" }
  /** An answer that cannot be read, or one that the library knows no name for. */
  | { kind: "malformed"; message: string }
  /** This machine refused to send. */
  | { kind: "unreachable"; message: string };

/** What a credential that is answered shows. */
export interface Shown {
  view: View;
  isPrinter: boolean;
  /** Another credential could show more. */
  mayShowMore: boolean;
}

export interface CommunityObservation {
  kind: "community";
  name: string;
  /** Versions that were tried, in order; the search ends with the first that shows what is needed. */
  versions: { version: "1" | "2c"; outcome: SnmpOutcome; shown: Shown | null }[];
}

/** The steps of the ladder; null: not tried, as one before it failed or the level does not have it. */
export interface UsmObservation {
  kind: "usm";
  name: string;
  user: string;
  level: SecurityLevel;
  auth: AuthProtocolName | null;
  /** As configured; several where the name leaves the key expansion open. */
  priv: readonly PrivProtocolName[];
  /** The user without keys. */
  userProbe: SnmpOutcome | null;
  /** The user with the authentication key. */
  authProbe: SnmpOutcome | null;
  /** After wrongDigest: protocols with which the same password is accepted. */
  authWouldWork: readonly AuthProtocolName[] | null;
  /** After wrongDigest: whether the privacy password is the right one for authentication. */
  swapped: boolean;
  /** The whole credential. */
  privProbe: { protocol: PrivProtocolName; outcome: SnmpOutcome } | null;
  /** After silence or decryptionError: protocols with which the same password works. */
  privWouldWork: readonly PrivProtocolName[] | null;
  /** The authentication probe once more, after the privacy probes were silent: is the device still there? */
  authAgain: SnmpOutcome | null;
  /** contextName; empty for the default one. */
  context: string;
  /** The whole credential in the default context, after an answer that a wrong context may be the reason of. */
  defaultContext: SnmpOutcome | null;
  /** Null when it is not answered, or the device went away meanwhile. */
  shown: Shown | null;
}

export type CredentialObservation = CommunityObservation | UsmObservation;

export interface SnmpObservations {
  /** ADDRESS:PORT. */
  target: string;
  /** Why this machine could not send at all. */
  sendRefused: string | null;
  /** Hexadecimal snmpEngineID by unauthenticated discovery; null: no SNMPv3 engine answered. */
  engineId: string | null;
  /** In the order of the credentials; ends with the first that shows what is needed. */
  credentials: readonly CredentialObservation[];
}
