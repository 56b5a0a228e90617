/** A scanner in its sealed thread. */
import "./seal_imports.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { PostedByScanner, ToScanner } from "../scan/worker_messages.ts";
import { serveScanner } from "./serve_scanner.ts";
import { openUdpPort } from "./udp_port.ts";

/** The worker's own global scope; the library types of the main thread do not know its `postMessage`. */
const scope = globalThis as unknown as { postMessage(message: PostedByScanner): void };

// Sent as a message, so that the supervisor reports a defect in one sentence instead of a stack trace on the screen.
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "failed", code: "bug", message: event.message });
});
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "failed", code: "bug", message: messageOf(event.reason) });
});

const serve = serveScanner({
  openPort: openUdpPort,
  post: (message) => scope.postMessage(message),
  // The permission to bind would allow listening on TCP as well. Open sockets can still send.
  onOpened() {
    for (const host of ["0.0.0.0:0", "[::]:0"]) Deno.permissions.revokeSync({ name: "net", host });
  },
});

export function onMessage({ data }: MessageEvent<ToScanner>): void {
  serve(data);
}
