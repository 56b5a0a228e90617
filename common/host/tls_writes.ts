/**
 * Deno 2.9.3 calls back in the middle of a write if the TCP connection under a TLS socket is closed already. The first
 * error object or timer in that call ends the process with "RefCell already borrowed" (denoland/deno#35867, mended after
 * 2.9.3). So a listener that closes connections, or a peer that closes at the wrong moment, would end the program.
 */
import { TLSSocket } from "node:tls";

interface WriteRequest {
  oncomplete(...outcome: unknown[]): void;
}

type Write = (request: WriteRequest, ...data: unknown[]) => unknown;
type Handle = Record<string, Write | undefined>;

const writes = ["writeBuffer", "writeUtf8String", "writeAsciiString", "writeLatin1String", "writeUcs2String", "writev"];

const sockets = TLSSocket.prototype as unknown as { _wrapHandle(...underlying: unknown[]): Handle };
let isMended = false;

/** Makes all TLS sockets of this thread report a failed write after it and never within it. */
export function mendTlsWrites(): void {
  if (isMended) return;
  isMended = true;
  const wrapHandle = sockets._wrapHandle;
  sockets._wrapHandle = function (...underlying) {
    const handle = wrapHandle.apply(this, underlying);
    for (const name of writes) {
      const write = handle[name];
      if (write !== undefined) handle[name] = (request, ...data) => laterThan(write.bind(handle), request, data);
    }
    return handle;
  };
}

function laterThan(write: Write, request: WriteRequest, data: unknown[]): unknown {
  const complete = request.oncomplete;
  let isWriting = true;
  request.oncomplete = function (...outcome) {
    if (!isWriting) complete.apply(this, outcome);
    // Neither queueMicrotask() nor a timer, which are what must not be called now.
    else void Promise.resolve().then(() => complete.apply(this, outcome));
  };
  try {
    return write(request, ...data);
  } finally {
    isWriting = false;
  }
}
