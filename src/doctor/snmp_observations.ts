/** What was seen when a printer was asked, as `diagnoseSnmp` judges it; holds no secret. */
import type { SecurityLevel } from "../credentials/credential.ts";
import type { UsmFailure } from "../snmp/net_snmp.ts";
import type { AuthProtocolName, PrivProtocolName } from "../snmp/usm_protocols.ts";

export type SnmpOutcome =
  /** A value came back. */
  | { kind: "answered" }
  /** The request was understood and refused inside (an error-status), so whatever secured it is right. */
  | { kind: "refused"; message: string }
  /** A report of USM (RFC 3414 section 3.2). */
  | { kind: "report"; report: UsmFailure }
  | { kind: "silent" }
  /** An answer that cannot be read, or one that the library knows no name for. */
  | { kind: "malformed"; message: string }
  /** This machine refused to send. */
  | { kind: "unreachable"; message: string };

export interface CommunityObservation {
  kind: "community";
  name: string;
  /** Versions that were tried, in order; the search ends with the first that answers. */
  versions: { version: "1" | "2c"; outcome: SnmpOutcome }[];
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
}

export type CredentialObservation = CommunityObservation | UsmObservation;

export interface SnmpObservations {
  /** ADDRESS:PORT. */
  target: string;
  /** Why this machine could not send at all. */
  sendRefused: string | null;
  /** Hexadecimal snmpEngineID by unauthenticated discovery; null: no SNMPv3 engine answered. */
  engineId: string | null;
  /** In the order of the credentials; ends with the first that works. */
  credentials: readonly CredentialObservation[];
  /** Of the credential that works: whether what it shows is a printer. */
  isPrinter: boolean | null;
}
