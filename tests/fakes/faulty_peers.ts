/** Peers on loopback that are wrong in one way each, as firewalls, proxies and badly kept servers are. */
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import type { TestCertificate } from "./test_authority.ts";

export interface FaultyPeer extends AsyncDisposable {
  port: number;
}

/** Listens on loopback; disposal closes every connection. */
async function listen(server: net.Server | http2.Http2SecureServer): Promise<FaultyPeer> {
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  server.on("connection", keep);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A TCP service that is given each connection. */
export function tcpPeer(onConnection: (socket: net.Socket) => void): Promise<FaultyPeer> {
  return listen(net.createServer((socket) => {
    socket.on("error", () => {});
    onConnection(socket);
  }));
}

/** A TLS service without HTTP/2. */
export function tlsPeer(
  certificate: TestCertificate,
  options: { alpn?: string[]; onSecure?: (socket: tls.TLSSocket) => void },
): Promise<FaultyPeer> {
  const server = tls.createServer({
    key: certificate.keyPem,
    cert: certificate.certificatePem,
    ...(options.alpn === undefined ? {} : { ALPNProtocols: options.alpn }),
  }, (socket) => {
    socket.on("error", () => {});
    options.onSecure?.(socket);
  });
  server.on("tlsClientError", () => {});
  return listen(server);
}

/** An HTTP/2 service that answers every request with these headers. */
export function http2Peer(certificate: TestCertificate, headers: http2.OutgoingHttpHeaders): Promise<FaultyPeer> {
  const server = http2.createSecureServer({ key: certificate.keyPem, cert: certificate.certificatePem });
  server.on("sessionError", () => {});
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond(headers);
    stream.end();
  });
  return listen(server);
}

export interface ProxyPeer extends FaultyPeer {
  /** What was asked: target and credentials. */
  requests: { target: string; authorization: string | undefined }[];
}

/** An HTTP proxy: `answer` is a status to refuse with, or undefined to let the connection through to loopback. */
export async function proxyPeer(
  answer: (request: { target: string; authorization: string | undefined }) => string | undefined,
): Promise<ProxyPeer> {
  const requests: ProxyPeer["requests"] = [];
  const outside = new Set<net.Socket>();
  const peer = await tcpPeer((socket) => {
    let head = "";
    const onData = (bytes: Uint8Array) => {
      head += new TextDecoder().decode(bytes);
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", onData);
      const target = /^CONNECT (\S+) HTTP/.exec(head)?.[1] ?? "";
      const request = { target, authorization: /proxy-authorization: (.+)/i.exec(head)?.[1] };
      requests.push(request);
      const refusal = answer(request);
      if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\n\r\n`);
      const through = net.connect(Number(target.split(":")[1]), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(through).pipe(socket);
      });
      outside.add(through);
      through.on("error", () => socket.destroy());
      through.on("close", () => socket.destroy());
      socket.on("close", () => through.destroy());
    };
    socket.on("data", onData);
  });
  return {
    port: peer.port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of outside) socket.destroy();
      await peer[Symbol.asyncDispose]();
    },
  };
}
