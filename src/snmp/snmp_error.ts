import { ErrorStatus } from "./message.ts";
import type { UsmFailure } from "./net_snmp.ts";

export type SnmpFailure =
  | "timeout"
  | "tooBig"
  | "noSuchName"
  | "agentError"
  | "usm"
  | "malformed"
  | "unreachable"
  | "closed";

/** Why a request has no answer; `errorIndex` is 1-based as in RFC 3416, and 0 if the agent named no variable. */
export class SnmpError extends Error {
  override readonly name = "SnmpError";
  constructor(
    readonly failure: SnmpFailure,
    message: string,
    readonly detail: { errorIndex?: number; usm?: UsmFailure } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Names of error-status by number (RFC 3416 section 3). */
const statusNames = [
  ...["NoError", "TooBig", "NoSuchName", "BadValue", "ReadOnly", "GeneralError", "NoAccess", "WrongType"],
  ...["WrongLength", "WrongEncoding", "WrongValue", "NoCreation", "InconsistentValue", "ResourceUnavailable"],
  ...["CommitFailed", "UndoFailed", "AuthorizationError", "NotWritable", "InconsistentName"],
];

/** The error of an answer whose error-status is not noError. */
export function agentError(status: number, errorIndex: number, address: string): SnmpError {
  if (status === ErrorStatus.tooBig) return new SnmpError("tooBig", `${address} answered that the answer is too big`);
  if (status === ErrorStatus.noSuchName) {
    return new SnmpError("noSuchName", `${address} does not have object ${errorIndex} of the request`, { errorIndex });
  }
  const name = statusNames[status] ?? `error-status ${status}`;
  return new SnmpError("agentError", `${address} answered ${name}`, { errorIndex });
}
