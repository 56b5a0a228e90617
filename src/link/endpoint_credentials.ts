/**
 * How connections to an endpoint are made for the gRPC library: it opens TCP, and CONNECT and TLS are done here. Left to
 * itself, the library would take a proxy from the environment (NODE_USE_ENV_PROXY) and send it the configured password,
 * would keep a connection that hangs open for ever, and would dial once more after its client was closed.
 */
import type { Socket } from "node:net";
import tls from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { connectByProxy } from "./connect_by_proxy.ts";
import type { Proxy } from "./proxy_choice.ts";
import { type ClientCertificate, identityCheck, publicKeyDigest, secureContextOf, type TrustConfig } from "./trust.ts";

export interface EndpointCredentialsOptions {
  endpoint: { host: string; port: number };
  trust: TrustConfig;
  /** That the library's TCP connections lead to; undefined where they lead to the endpoint. */
  proxy: Proxy | undefined;
  client: ClientCertificate | undefined;
}

/** For one client; `close` ends its connections, and no other is made after it. */
export class EndpointCredentials extends ChannelCredentials {
  readonly #options: EndpointCredentialsOptions;
  readonly #secureContext: tls.SecureContext;
  readonly #sockets = new Set<Socket>();
  #closed = false;
  #peerKey = "";

  /** SHA-256 of the public key that the peer of the last connection proved, in hex; empty before the first. */
  get peerKey(): string {
    return this.#peerKey;
  }

  constructor(options: EndpointCredentialsOptions) {
    super();
    this.#options = options;
    this.#secureContext = secureContextOf(options.trust, options.client);
  }

  /** With `gracefully` the library ends what is open, as a call may be on it. */
  close({ gracefully }: { gracefully: boolean }): void {
    this.#closed = true;
    if (gracefully) return;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials?: CallCredentials,
  ): experimental.SecureConnector {
    return {
      // Asked before TCP is opened.
      waitForReady: () => this.#closed ? Promise.reject(new Error("The client was closed")) : Promise.resolve(),
      connect: async (socket) => ({ socket: await this.#secure(socket), secure: true }),
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #secure(socket: Socket): Promise<Socket> {
    const { endpoint, trust, proxy } = this.#options;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // The library stops listening once it has the socket.
    socket.on("error", () => {});
    if (this.#closed) socket.destroy();
    if (proxy !== undefined) {
      const { status } = await connectByProxy(socket, endpoint, proxy);
      if (status !== 200) throw new Error(`The proxy answers ${status}`);
    }
    const secure = tls.connect({
      socket,
      host: endpoint.host,
      servername: endpoint.host,
      ALPNProtocols: ["h2"],
      secureContext: this.#secureContext,
      checkServerIdentity: identityCheck(trust),
      // NODE_TLS_REJECT_UNAUTHORIZED in the environment would be the default.
      rejectUnauthorized: true,
    });
    await new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      secure.on("error", reject);
      secure.once("close", () => reject(new Error("The connection was closed during the TLS handshake")));
    });
    if (!secure.authorized) throw new Error("The certificate is not believed");
    // Otherwise the peer would wait for HTTP/1.1 and we for its settings.
    if (secure.alpnProtocol !== "h2") throw new Error("The peer does not agree to HTTP/2");
    this.#peerKey = publicKeyDigest(secure.getPeerCertificate().raw);
    return secure;
  }
}
