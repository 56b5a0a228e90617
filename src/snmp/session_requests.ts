/** Common parts of sessions of all versions: at most one open request, its end, and counters. */
import { messageOf } from "../../common/core/errors.ts";
import { SnmpError } from "./snmp_error.ts";
import type { Varbind } from "./value.ts";

export interface OpenRequest<Answer> {
  readonly answer: Promise<Answer>;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export interface SessionRequests<Answer> {
  /** Same as the fields of `SnmpSession`. */
  readonly counters: { malformed: number; requests: number; answers: number };
  /** Throws `RangeError` while another request is open, and `SnmpError` if the session was closed. */
  begin(): OpenRequest<Answer>;
  isOpen(request: OpenRequest<Answer>): boolean;
  /** Does nothing if the request has already ended. */
  succeed(request: OpenRequest<Answer>, answer: Answer): void;
  /** Ends the open request, if there is one. */
  fail(error: Error): void;
  /** The device has not answered in time. */
  onSilence(): void;
  /** The system refuses to send. */
  onRefused(error: unknown): void;
  /** No further request can be started. */
  close(): void;
}

/** `stopSending` is called when a request ends, before it is settled. */
export function createRequests<Answer>(address: string, stopSending: () => void): SessionRequests<Answer> {
  const counters = { malformed: 0, requests: 0, answers: 0 };
  let open: OpenRequest<Answer> | undefined;
  let isClosed = false;
  const closedError = () => new SnmpError("closed", `The session with ${address} was closed`);

  function fail(error: Error): void {
    const failed = open;
    open = undefined;
    stopSending();
    failed?.reject(error);
  }

  return {
    counters,
    begin() {
      if (open !== undefined) throw new RangeError("Cannot send two requests at once in one session");
      if (isClosed) throw closedError();
      counters.requests++;
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      return open = { answer: promise, resolve, reject };
    },
    isOpen: (request) => request === open,
    succeed(request, answer) {
      if (open !== request) return;
      open = undefined;
      stopSending();
      request.resolve(answer);
    },
    fail,
    onSilence: () => fail(new SnmpError("timeout", `${address} did not answer in time`)),
    onRefused: (error) => fail(new SnmpError("unreachable", messageOf(error), {}, { cause: error })),
    close() {
      isClosed = true;
      // Creating an error is expensive (stack trace), and most sessions are closed without an open request.
      if (open !== undefined) fail(closedError());
      else stopSending();
    },
  };
}

/** The same varbinds. Throws `SnmpError` unless there is one for each OID. */
export function oneForEach(oids: readonly string[], varbinds: Varbind[], address: string): Varbind[] {
  if (varbinds.length === oids.length) return varbinds;
  throw new SnmpError("malformed", `${address} answered ${varbinds.length} of ${oids.length} values`);
}
