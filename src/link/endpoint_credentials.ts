/**
 * How connections to an endpoint are made for the gRPC library: it opens TCP, and CONNECT and TLS are done here. Left to
 * itself, the library would take a proxy from the environment (NODE_USE_ENV_PROXY) and send it the configured password,
 * would keep a connection that hangs open for ever, and would dial once more after its client was closed.
 */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { type Endpoint, passProxy, startTls } from "../../common/host/dial.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { type ClientCertificate, publicKeyDigest, secureContextOf, type TrustConfig } from "../../common/host/trust.ts";

export interface EndpointCredentialsOptions {
  endpoint: Endpoint;
  trust: TrustConfig;
  /** That the library's TCP connections lead to; undefined where they lead to the endpoint. */
  proxy: Proxy | undefined;
  client: ClientCertificate | undefined;
}

/** For one client; `close` ends its connections, and no other is made after it. */
export class EndpointCredentials extends ChannelCredentials {
  readonly #options: EndpointCredentialsOptions;
  readonly #context: SecureContext;
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
    this.#context = secureContextOf(options.trust, options.client);
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
    if (proxy !== undefined) await passProxy(socket, endpoint, { proxy });
    const secure = await startTls(socket, endpoint.host, { trust, context: this.#context, protocol: "h2" });
    this.#peerKey = publicKeyDigest(secure.getPeerCertificate().raw);
    return secure;
  }
}
