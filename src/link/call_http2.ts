import http2 from "node:http2";
import type { TLSSocket } from "node:tls";

export interface Http2Answer {
  date: Date | null;
  grpc: { contentType: string | null; status: number | null; reason: string | null };
}

/** An empty gRPC call on an open TLS connection: shows whether HTTP/2 comes through, what answers, and its time. */
export function callHttp2(socket: TLSSocket, authority: string): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://${authority}`, { createConnection: () => socket });
    const end = (action: () => void) => {
      action();
      session.destroy();
    };
    session.on("error", (error) => end(() => reject(error)));
    session.on("close", () => reject(new Error("The connection was closed during HTTP/2")));
    const stream = session.request({
      ":method": "POST",
      // No method of this name: a platform answers UNIMPLEMENTED, and nothing is changed by it.
      ":path": "/opendca.v1.AgentService/Reach",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const answer: Http2Answer = { date: null, grpc: { contentType: null, status: null, reason: null } };
    const take = (headers: Record<string, unknown>) => {
      const text = (name: string) => typeof headers[name] === "string" ? headers[name] as string : null;
      const time = Date.parse(text("date") ?? "");
      if (!Number.isNaN(time)) answer.date = new Date(time);
      answer.grpc.contentType ??= text("content-type");
      answer.grpc.reason ??= text("opendca-reason");
      if (text("grpc-status") !== null) answer.grpc.status = Number(text("grpc-status"));
    };
    let answered = false;
    stream.on("response", (headers) => {
      answered = true;
      take(headers);
    });
    stream.on("trailers", take);
    stream.on("error", (error) => end(() => reject(error)));
    stream.on(
      "close",
      () => end(() => answered ? resolve(answer) : reject(new Error("HTTP/2 was closed without an answer"))),
    );
    stream.resume();
    // A message of no bytes: five octets of prefix.
    stream.end(new Uint8Array(5));
  });
}
