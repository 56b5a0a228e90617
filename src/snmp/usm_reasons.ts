import type { UsmFailure } from "./net_snmp.ts";

/** The meaning of an engine's refusal, for the end of a sentence. */
export const usmReasons: Readonly<Record<UsmFailure, string>> = {
  unsupportedSecurityLevel: "the user has other keys there (unsupportedSecurityLevel)",
  notInTimeWindow: "it refuses its own engine time, even after a retry with it (notInTimeWindow)",
  unknownUserName: "the user is not known there (unknownUserName)",
  unknownEngineId: "its engine id changes between two requests (unknownEngineID)",
  wrongDigest: "the authentication password or protocol is wrong (wrongDigest)",
  decryptionError: "the privacy password or protocol is wrong (decryptionError)",
  bootsAtMaximum:
    "its engine boots are at their maximum (2147483647), and such an engine does not answer authenticated requests",
  unknownContext: "the context is not known there (unknownContext)",
  unavailableContext: "the context is not available there now (unavailableContext)",
  otherReport: "it sent a report that does not belong to SNMPv3 users",
};
