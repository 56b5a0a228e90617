/** Observations of a printer for `diagnoseSnmp`; contains no secrets. */
import type { SecurityLevel } from "../snmp/credential.ts";
import type { View } from "../printers/view.ts";
import type { UsmFailure } from "../snmp/net_snmp.ts";
import type { AuthProtocolName, PrivProtocolName } from "../snmp/usm_protocols.ts";

export type SnmpOutcome =
  /** An answer arrived; `empty` if it had no value, so that it does not show the view. */
  | { kind: "answered"; empty?: true }
  /** The request was understood and refused with an error-status, so its credentials are right. */
  | { kind: "refused"; message: string }
  /** A report of USM (RFC 3414 section 3.2). */
  | { kind: "report"; report: UsmFailure }
  | { kind: "silent" }
  /** An answer that cannot be decoded, or that the library cannot name. */
  | { kind: "malformed"; message: string }
  /** This machine refused to send. */
  | { kind: "unreachable"; message: string };

/** What an answered credential shows. */
export interface Shown {
  view: View;
  isPrinter: boolean;
  /** Another credential could show more. */
  mayShowMore: boolean;
}

export interface CommunityObservation {
  kind: "community";
  name: string;
  /** Tried versions in order; the search ends with the first that shows what is needed. */
  versions: { version: "1" | "2c"; outcome: SnmpOutcome; shown: Shown | null }[];
}

/** Results of the steps; null: not tried, because an earlier step failed or the level does not have it. */
export interface UsmObservation {
  kind: "usm";
  name: string;
  user: string;
  level: SecurityLevel;
  auth: AuthProtocolName | null;
  /** As configured; several if the name does not specify the key expansion. */
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
  /** The whole credential in the default context, after a result that a wrong context may have caused. */
  defaultContext: SnmpOutcome | null;
  /** Null if it is not answered, or the device stopped answering meanwhile. */
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
