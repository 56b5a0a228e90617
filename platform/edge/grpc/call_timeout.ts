import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

/**
 * Ends calls that are not answered after `timeoutMs`, whatever deadline the caller set: a caller that opens a stream and
 * never sends its message would otherwise hold it for as long as it likes.
 */
export function callTimeout(timeoutMs: number): ServerInterceptor {
  return (_, call) => {
    const timer = setTimeout(
      () => call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: "Cannot wait longer for this call" }),
      timeoutMs,
    );
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, next) => next(metadata),
          onReceiveMessage: (message, next) => next(message),
          onReceiveHalfClose: (next) => next(),
          onCancel: () => clearTimeout(timer),
        }),
      sendStatus: (answer, next) => {
        clearTimeout(timer);
        next(answer);
      },
    });
  };
}
